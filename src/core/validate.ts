import { z } from "zod";
import { DelayqError, type DelayqErrorCode } from "./errors.ts";

/** A value as an error message shows it: short, on one line, never throwing. */
export function show(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (typeof value === "bigint" || typeof value === "symbol") return `\`${String(value)}\``;
  if (typeof value === "number") return `\`${value}\``;
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    text = undefined;
  }
  text ??= typeof value;
  return `\`${text.length > 80 ? `${text.slice(0, 77)}...` : text}\``;
}

/**
 * The fields of options are zod schemas whose error message is the phrase that follows "to be" in
 * "Expected `leaseMs` to be an integer of at least 1000, got `0`".
 */
export const integer = (min: number, max: number = Number.MAX_SAFE_INTEGER) => {
  const error =
    max === Number.MAX_SAFE_INTEGER ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};

export const fraction = () => {
  const error = "a number from 0 to 1";
  return z.number({ error }).min(0, { error }).max(1, { error });
};

export const boolean = () => z.boolean({ error: "true or false" });

/**
 * Parses options at the border into a frozen value.
 *
 * @param what how messages name the whole, as "the options of Worker"
 * @throws DelayqError `DELAYQ_INVALID_OPTION`, or the code given for the field in `codes`
 */
export function parseOptions<S extends z.ZodType>(
  schema: S,
  input: unknown,
  what: string,
  codes: Readonly<Record<string, DelayqErrorCode>> = {},
): Readonly<z.output<S>> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return Object.freeze(parsed.data as object) as Readonly<z.output<S>>;
  const issue = parsed.error.issues[0];
  if (issue === undefined) throw new DelayqError("DELAYQ_INVALID_OPTION", `Expected ${what} to be valid.`);
  throw optionError(schema, input, issue, what, codes);
}

function optionError(
  schema: z.ZodType,
  input: unknown,
  issue: z.core.$ZodIssue,
  what: string,
  codes: Readonly<Record<string, DelayqErrorCode>>,
): DelayqError {
  const path = issue.path.map(String).join(".");
  const got = valueAt(input, issue.path);
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(schema, issue.path);
    const where = path === "" ? what : `\`${path}\` in ${what}`;
    return new DelayqError(
      "DELAYQ_INVALID_OPTION",
      `Expected ${where} to hold only known options, got \`${issue.keys.join("`, `")}\`.` +
        (known.length > 0 ? ` Known are: ${known.join(", ")}.` : ""),
    );
  }
  const code = codes[String(issue.path[0] ?? "")] ?? "DELAYQ_INVALID_OPTION";
  if (path === "") return new DelayqError(code, `Expected ${what} to be an object, got ${show(got)}.`);
  return new DelayqError(code, `Expected \`${path}\` to be ${issue.message}, got ${show(got)} (${what}).`);
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[key];
  return value;
}

function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at: unknown = schema;
  for (const key of path) at = unwrap(unwrap(at)?.shape?.[String(key)]);
  return Object.keys(unwrap(at)?.shape ?? {});
}

interface Unwrappable {
  shape?: Record<string, unknown>;
  unwrap?: () => unknown;
}

function unwrap(schema: unknown): Unwrappable | undefined {
  let at = schema as Unwrappable | undefined;
  while (at !== undefined && at.shape === undefined && typeof at.unwrap === "function") {
    at = at.unwrap() as Unwrappable;
  }
  return at;
}
