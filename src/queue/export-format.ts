import { z } from "zod";
import { checkTaskId, checkTaskName } from "../core/names.ts";
import { DelayqError } from "../core/errors.ts";
import { PRIORITY_MAX, TIME_MAX_MS, parseDefaults, type KeptOptions } from "../core/options.ts";
import type { TaskState } from "../core/task.ts";
import { readTrace, type TraceContext } from "../core/trace-context.ts";
import { integer, parseOptions, show } from "../core/validate.ts";
import { decodeFacts, decodeLease, decodeRecord } from "../store/codec.ts";
import type { Walked } from "../store/reply-fields.ts";

/**
 * An export: newline-delimited JSON. The first line says of what and of when it is, each other line holds a task with all
 * that belongs to it, and the last one how many there are: without it the file was cut off.
 */
export const EXPORT_FORMAT = 1;

export interface ExportHeader {
  /** The version of the format. */
  readonly export: number;
  readonly queue: string;
  readonly exportedAt: string;
  readonly exportedAtMs: number;
  readonly paused: boolean;
  readonly shards: number;
  /** By their numbers, which tasks name as their `profile`: the defaults under which they were added. */
  readonly defaults: Readonly<Record<string, KeptOptions>>;
}

export interface ExportEnd {
  readonly end: true;
  readonly tasks: number;
}

/** A task of an export. Times are epoch ms by the clock of Redis. */
export interface ExportedTask {
  readonly id: string;
  readonly name: string;
  readonly state: TaskState;
  readonly priority: number;
  readonly addedAtMs: number;
  /** When it was due as it was added. */
  readonly firstDueAtMs: number;
  readonly dueAtMs: number;
  readonly attemptsUsed: number;
  readonly deaths: number;
  readonly profile?: number | undefined;
  /** All its options: its profile's, and what differs from them. */
  readonly options: unknown;
  /** Where it was added, if that was traced. */
  readonly trace?: TraceContext | undefined;
  /** Of a dead one. */
  readonly diedAtMs?: number | undefined;
  /** Of a done one: for how long its result was to be kept. */
  readonly keepLeftMs?: number | undefined;
  readonly error?: unknown;
  readonly result?: unknown;
  readonly data: unknown;
}

/** @param nowMs when the task was seen so */
export function exportLine(
  task: Walked,
  nowMs: number,
  profileOf: (number: number) => { readonly options: KeptOptions; readonly text: string },
): string {
  const record = decodeRecord(task.record);
  const { attempts, deaths, dueAtMs } = decodeFacts(task.more);
  const profile = profileOf(record.profile);
  const options =
    record.overrides === undefined
      ? profile.text
      : JSON.stringify({ ...profile.options, ...record.overrides });
  const traceText = record.trace === undefined ? "" : `,"trace":${JSON.stringify(record.trace)}`;
  // What is JSON already is put in as it is.
  return (
    `{"id":${JSON.stringify(task.id)},"name":${JSON.stringify(record.name)},"state":"${task.state}",` +
    `"priority":${record.priority},"addedAtMs":${record.addedAtMs},"firstDueAtMs":${record.dueAtMs},` +
    `"dueAtMs":${dueAtMs === 0 ? record.dueAtMs : dueAtMs},"attemptsUsed":${attempts},"deaths":${deaths},` +
    `"profile":${record.profile},"options":${options}${traceText}${placeText(task, nowMs)}` +
    `${task.error === "" ? "" : `,"error":${task.error}`}${task.result === "" ? "" : `,"result":${task.result}`}` +
    `,"data":${record.payload}}`
  );
}

/** What only tasks of its state have. */
function placeText({ state, score, lease }: Walked, nowMs: number): string {
  if (state === "dead") return `,"diedAtMs":${score}`;
  if (state === "done") return `,"forgetAtMs":${score},"keepLeftMs":${Math.max(0, score - nowMs)}`;
  const held = state === "leased" ? decodeLease(lease) : undefined;
  return held === undefined ? "" : `,"lease":${JSON.stringify({ ...held, endsAtMs: score })}`;
}

const time = () => integer(0, TIME_MAX_MS);
const profileNumber = () => integer(1, 16_383);

const headerSchema = z.object({
  export: z.int(),
  queue: z.string({ error: "a text" }),
  exportedAtMs: time(),
  paused: z.boolean({ error: "true or false" }),
  shards: integer(1),
  defaults: z.record(z.string(), z.unknown(), { error: "an object" }),
});

const endSchema = z.object({ end: z.literal(true), tasks: integer(0) });

/** Its options are checked where those of equal ones are known already. */
const taskSchema = z.object({
  id: z.unknown().optional(),
  name: z.unknown().optional(),
  state: z.enum(["delayed", "ready", "leased", "dead", "done"], {
    error: "delayed, ready, leased, dead or done",
  }),
  priority: integer(0, PRIORITY_MAX),
  addedAtMs: time(),
  firstDueAtMs: time(),
  dueAtMs: time(),
  attemptsUsed: integer(0),
  deaths: integer(0),
  profile: profileNumber().optional(),
  options: z.unknown().optional(),
  trace: z.unknown().optional(),
  diedAtMs: time().optional(),
  keepLeftMs: integer(0).optional(),
  error: z.unknown().optional(),
  result: z.unknown().optional(),
  data: z.unknown().optional(),
});

/** @throws DelayqError `DELAYQ_INVALID_OPTION`, `DELAYQ_NEWER_FORMAT` */
export function parseHeader(value: unknown): Omit<ExportHeader, "exportedAt"> {
  const version = (value as { export?: unknown } | null)?.export;
  if (typeof version !== "number") {
    throw new DelayqError(
      "DELAYQ_INVALID_LINE",
      `Expected the first line of an export, { "export": ${EXPORT_FORMAT}, ... }, got ${show(value)}. Give a whole file that \`delayq export\` has written.`,
    );
  }
  if (version > EXPORT_FORMAT) {
    throw new DelayqError(
      "DELAYQ_NEWER_FORMAT",
      `Expected an export of format ${EXPORT_FORMAT}, got format ${version}. Update this program.`,
    );
  }
  const { defaults, ...header } = parseOptions(headerSchema, value, "the first line of an export");
  const parsed = Object.entries(defaults).map(([number, options]) => [
    number,
    parseDefaults(options as object),
  ]);
  return { ...header, defaults: Object.fromEntries(parsed) as Record<string, KeptOptions> };
}

/** A task, or the last line. @throws DelayqError `DELAYQ_INVALID_*` */
export function parseExported(value: unknown): ExportedTask | ExportEnd {
  if (typeof value === "object" && value !== null && "end" in value)
    return parseOptions(endSchema, value, "the last line of an export");
  const task = parseOptions(taskSchema, value, "a task of an export");
  checkTaskId(task.id);
  checkTaskName(task.name);
  if (task.data === undefined) throw lacking("data");
  if (task.state === "dead" && task.diedAtMs === undefined) throw lacking("diedAtMs");
  if (task.state === "done" && (task.keepLeftMs === undefined || task.result === undefined))
    throw lacking("keepLeftMs` and `result");
  // No task is refused because of its trace.
  return (task.trace === undefined ? task : { ...task, trace: readTrace(task.trace) }) as ExportedTask;
}

const lacking = (field: string): DelayqError =>
  new DelayqError("DELAYQ_INVALID_LINE", `Expected \`${field}\` in a task of an export, got none.`);
