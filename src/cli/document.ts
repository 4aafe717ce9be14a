/*
 * What --json prints. Names are stable: docs/cli.md tells them. A time stands there twice, for people as RFC 3339 in UTC
 * (`dueAt`) and for programs as epoch ms (`dueAtMs`).
 */

/** Puts before each `...AtMs` of an object the same as RFC 3339. What lies deeper, as a task's payload, stays as it is. */
export function withTimes<T extends object>(object: T): T {
  const fields = Object.entries(object).flatMap(([name, value]): [string, unknown][] =>
    name.endsWith("AtMs") && typeof value === "number"
      ? [
          [name.slice(0, -2), new Date(value).toISOString()],
          [name, value],
        ]
      : [[name, value]],
  );
  return Object.fromEntries(fields) as T;
}
