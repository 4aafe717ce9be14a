import { DelayqError } from "../../core/errors.ts";
import { checkTaskId, checkTaskName } from "../../core/names.ts";
import {
  KEPT_DEFAULTS,
  PAYLOAD_MAX_BYTES,
  TIME_MAX_MS,
  parseAddOptions,
  type AddOptions,
} from "../../core/options.ts";
import { show } from "../../core/validate.ts";
import { encodePayload } from "../../queue/payload.ts";
import { INSTANT_FORMS, instantMs } from "../instant.ts";
import { lineError, type Line } from "./line-splitter.ts";

/** How the fields of a line make a task. */
export interface LineFormat {
  /** The field that holds the name, and the name of lines without it. */
  readonly nameField: string;
  readonly name: string | undefined;
  readonly time: LineTime;
}

/** When the tasks are due: as their own options say, so long after one origin, or at the instant that stands in the line. */
export type LineTime =
  | { readonly kind: "own" }
  | { readonly kind: "offset"; readonly field: string; readonly originMs: number; readonly speed: number }
  | { readonly kind: "instant"; readonly field: string };

export interface LineTask {
  readonly name: string;
  readonly data: unknown;
  readonly opts: AddOptions;
}

/** A longer line may hold a payload that is too large as it will be stored; a shorter one cannot. */
const SMALL_LINE_MAX = PAYLOAD_MAX_BYTES / 16;

/** @throws DelayqError `DELAYQ_INVALID_LINE` */
export function taskOf(line: Line, format: LineFormat): LineTask {
  return ofLine(line, (fields) => {
    const { [format.nameField]: name = format.name, id, opts, ...rest } = fields;
    const options = optionsOf(opts, id);
    if (format.time.kind !== "own") {
      if (options.delay !== undefined || options.at !== undefined) {
        throw wrong(`\`opts\` to say nothing of its time, which is read from \`${format.time.field}\``, opts);
      }
      options.at = dueOf(format.time, rest);
      delete rest[format.time.field];
    } else {
      refuseMisplacedTime(rest);
    }
    if (name === undefined && "exportedAtMs" in fields)
      throw wrong("tasks to add, not an export; --restore brings that back", undefined);
    const task = {
      name: nameOf(name, format),
      data: "data" in rest ? rest["data"] : others(rest),
      opts: options,
    };
    if (line.bytes > SMALL_LINE_MAX) encodePayload(task.data, PAYLOAD_MAX_BYTES);
    return task;
  });
}

/** What is made of a line's fields; what is wrong with it is told with its number. @throws DelayqError `DELAYQ_INVALID_LINE` */
export function ofLine<T>(line: Line, make: (fields: Record<string, unknown>) => T): T {
  if (line.fault !== undefined) throw line.fault;
  try {
    return make(parseFields(line.text));
  } catch (error) {
    if (error instanceof DelayqError) throw lineError(line.number, error.message, error);
    throw error;
  }
}

function parseFields(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw wrong("one JSON object", text, error);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw wrong("one JSON object", value);
}

function nameOf(name: unknown, { nameField }: LineFormat): string {
  if (name === undefined) throw wrong(`a name in the field \`${nameField}\``, undefined);
  return checkTaskName(name);
}

/** JSON has no dates, so `at` may be a text here. */
function optionsOf(opts: unknown, id: unknown): AddOptions {
  const given = { ...(opts as AddOptions | undefined) };
  if (opts !== undefined) {
    if (typeof opts !== "object" || opts === null || Array.isArray(opts))
      throw wrong("`opts` to be an object", opts);
    if (typeof given.at === "string") given.at = instantOf("opts.at", given.at);
    parseAddOptions(given, KEPT_DEFAULTS);
  }
  if (id === undefined) return given;
  if (given.id !== undefined && given.id !== id) throw wrong("one id, in `id` or in `opts`", [id, given.id]);
  return { ...given, id: checkTaskId(id) };
}

function dueOf(time: Exclude<LineTime, { kind: "own" }>, fields: Record<string, unknown>): number {
  const value = fields[time.field];
  if (time.kind === "instant") return instantOf(time.field, value);
  const dueAtMs =
    typeof value === "number" && value >= 0 ? Math.round(time.originMs + value / time.speed) : Number.NaN;
  if (dueAtMs <= TIME_MAX_MS) return dueAtMs;
  throw wrong(`\`${time.field}\` to be a number of milliseconds of at least 0`, value);
}

function instantOf(field: string, value: unknown): number {
  const atMs = typeof value === "string" || typeof value === "number" ? instantMs(value) : undefined;
  if (atMs !== undefined) return atMs;
  throw wrong(`\`${field}\` to be ${INSTANT_FORMS}`, value);
}

/** Beside the name it would be taken for a part of the payload, and the task would run at once. */
function refuseMisplacedTime(rest: Record<string, unknown>): void {
  for (const field of ["delay", "at"]) {
    if (field in rest) {
      throw wrong(
        `\`${field}\` to stand in \`opts\`, or to be named by --delay-field or --at-field`,
        rest[field],
      );
    }
  }
}

/** The payload of a line without `data` is what else stands in it. */
function others(rest: Record<string, unknown>): unknown {
  return Object.keys(rest).length > 0 ? rest : null;
}

function wrong(expected: string, got: unknown, cause?: unknown): DelayqError {
  const value = got === undefined ? "nothing" : show(got);
  return new DelayqError("DELAYQ_INVALID_LINE", `Expected ${expected}, got ${value}.`, { cause });
}
