import { DelayqError } from "./errors.ts";
import { show } from "./validate.ts";

const BYTES_MAX = 256;
/** Control characters (C0, DEL, C1) and halves of surrogate pairs: what may not stand in a name or an id. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u;
const KEY_PART = /^[^\s{}:\p{Cc}\p{Cs}]{1,128}$/u;

/** @throws DelayqError `DELAYQ_INVALID_NAME` unless it is 1 to 128 characters without braces, colons, spaces and control characters. */
export function checkKeyPart(what: "queue name" | "prefix", value: unknown): string {
  if (typeof value === "string" && KEY_PART.test(value)) return value;
  throw new DelayqError(
    "DELAYQ_INVALID_NAME",
    `Expected the ${what} to be 1 to 128 characters without braces, colons, spaces or control characters, got ${show(value)}.`,
  );
}

/** What a name or an id may be. */
export const isText = (value: unknown): value is string =>
  typeof value === "string" &&
  value.length > 0 &&
  value.length <= BYTES_MAX &&
  Buffer.byteLength(value) <= BYTES_MAX &&
  !UNPRINTABLE.test(value);

/** @throws DelayqError `DELAYQ_INVALID_NAME` unless it is 1 to 256 bytes of UTF-8 without control characters. */
export function checkTaskName(value: unknown): string {
  if (isText(value)) return value;
  throw new DelayqError(
    "DELAYQ_INVALID_NAME",
    `Expected the task name to be 1 to 256 bytes of text without control characters, got ${show(value)}.`,
  );
}

/** @throws DelayqError `DELAYQ_INVALID_ID` unless it is 1 to 256 bytes of UTF-8 without control characters. */
export function checkTaskId(value: unknown): string {
  if (isText(value)) return value;
  throw new DelayqError(
    "DELAYQ_INVALID_ID",
    `Expected the task id to be 1 to 256 bytes of text without control characters, got ${show(value)}.`,
  );
}
