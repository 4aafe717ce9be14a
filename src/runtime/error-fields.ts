import { describeFailure } from "../core/failure.ts";
import type { TaskError } from "../core/task.ts";

/**
 * What lines say of an error: these fields, and nothing else that hangs on it. Clients hang what they were asked on their
 * errors: a request with its headers, a command with a password among its arguments, a payload.
 */
export interface ErrorFields {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  /** With the stacks of what caused it. */
  readonly stack?: string;
}

const CODE_MAX = 100;
const CAUSES_MAX = 3;

/** Never throws, whatever was thrown; what it returns is bounded. */
export function errorFields(thrown: unknown): ErrorFields {
  const { name, message, stack } = described(thrown);
  const code = valueAt(thrown, "code");
  return {
    type: name,
    message,
    ...(typeof code === "string" && { code: code.slice(0, CODE_MAX) }),
    ...(stack !== undefined && { stack: [stack, ...causesOf(thrown)].join("\ncaused by: ") }),
  };
}

/** For our own loggers: by these names handlers log errors, too. A task's `error` has been described already. */
export const ERROR_SERIALIZERS = {
  err: errorFields,
  error: (value: unknown): unknown => (value instanceof Error ? errorFields(value) : value),
};

function described(thrown: unknown): TaskError {
  const isAnything =
    typeof thrown === "object" && thrown !== null && typeof valueAt(thrown, "message") !== "string";
  // A dead task keeps its text; in a line it would be a payload, as of `throw task.data`.
  return isAnything ? { name: "object", message: "an object that is no error" } : describeFailure(thrown);
}

function causesOf(thrown: unknown): string[] {
  const stacks: string[] = [];
  let cause = valueAt(thrown, "cause");
  while (stacks.length < CAUSES_MAX && typeof cause === "object" && cause !== null) {
    const { name, message, stack = `${name}: ${message}` } = described(cause);
    stacks.push(stack);
    cause = valueAt(cause, "cause");
  }
  return stacks;
}

function valueAt(thrown: unknown, key: string): unknown {
  if (typeof thrown !== "object" || thrown === null) return undefined;
  try {
    return (thrown as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}
