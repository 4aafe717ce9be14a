import type { TaskError } from "./task.ts";

const ERROR_MAX_BYTES = 4096;
const NAME_MAX = 100;
const MESSAGE_MAX = 1000;

/**
 * Says what a handler threw, whatever it was: strings, undefined, huge errors, objects whose getters throw.
 * Never throws itself, and what it returns takes at most 4 KiB as JSON.
 */
export function describeFailure(thrown: unknown): TaskError {
  const name = read(thrown, "name");
  const message = read(thrown, "message");
  const stack = read(thrown, "stack");
  const isErrorLike = message !== undefined;
  return bounded({
    name: clip(isErrorLike ? (name ?? "Error") : typeof thrown, NAME_MAX),
    message: clip(message ?? textOf(thrown), MESSAGE_MAX),
    ...(isErrorLike && stack !== undefined && { stack }),
  });
}

/** The same without the stack: what a retry keeps, since many tasks may be waiting for one. */
export function briefly({ name, message }: TaskError): TaskError {
  return { name, message };
}

function read(thrown: unknown, key: string): string | undefined {
  if (typeof thrown !== "object" || thrown === null) return undefined;
  try {
    const value: unknown = (thrown as Record<string, unknown>)[key];
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

function textOf(thrown: unknown): string {
  if (typeof thrown === "function") return "a function";
  try {
    return (
      (typeof thrown === "object" && thrown !== null ? JSON.stringify(thrown) : undefined) ?? String(thrown)
    );
  } catch {
    return "a value that cannot be shown";
  }
}

/** Cuts by characters, and never through a surrogate pair. */
function clip(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 3).toWellFormed()}...`;
}

function bounded(error: TaskError): TaskError {
  let { stack } = error;
  while (stack !== undefined && jsonBytes({ ...error, stack }) > ERROR_MAX_BYTES) {
    stack =
      stack.length > 200 ? clip(stack, Math.floor(Math.min(stack.length, ERROR_MAX_BYTES) / 2)) : undefined;
  }
  const { name, message } = error;
  const whole = stack === undefined ? { name, message } : { name, message, stack };
  return jsonBytes(whole) <= ERROR_MAX_BYTES ? whole : { name: clip(name, 50), message: clip(message, 500) };
}

const jsonBytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
