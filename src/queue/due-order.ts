import type { Confirmation, Due } from "../core/options.ts";

interface Ordered {
  readonly options: { readonly id: string | undefined; readonly due: Due };
  readonly confirmation: Confirmation | undefined;
}

/**
 * Tasks of a bulk in the order in which calls take them, each with its index in the bulk: those that are due one after the
 * other, since Redis finds the places of neighbours in a sorted set sooner than those of strangers. Those that ask the same
 * of the replicas come together, for only they may share calls. Of two with the same id the first that was given is to be
 * added, so then all stay as they were.
 */
export function inOrderOfDue<T extends Ordered>(tasks: readonly T[]): readonly { one: T; index: number }[] {
  const nowMs = Date.now();
  const ids = new Set<string>();
  let isAnyTwice = false;
  const ordered = tasks.map((one, index) => {
    const { id, due } = one.options;
    if (id !== undefined) {
      isAnyTwice ||= ids.has(id);
      ids.add(id);
    }
    const { replicas = 0, timeoutMs = 0 } = one.confirmation ?? {};
    return { one, index, replicas, timeoutMs, dueAtMs: "delay" in due ? nowMs + due.delay : due.atMs };
  });
  if (isAnyTwice) return ordered;
  return ordered.sort(
    (a, b) => a.replicas - b.replicas || a.timeoutMs - b.timeoutMs || a.dueAtMs - b.dueAtMs,
  );
}
