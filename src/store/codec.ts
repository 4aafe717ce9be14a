import { DelayqError } from "../core/errors.ts";
import type { Due, KeptOptions } from "../core/options.ts";
import type { TraceContext } from "../core/trace-context.ts";

/**
 * The packed record of a task; its layout stands in `lua/lib/record.lua`. A producer writes it without the first time, and all of
 * it is text of one byte a character but for name, overrides and payload, which are UTF-8: so it can go to Redis as one
 * string.
 */
const FORMAT = "1";
const FORMAT_BYTE = FORMAT.charCodeAt(0);
const FORMAT_AT = 6;
const PROFILE_AT = 7;
const FLAGS_AT = 9;
const DUE_AT = 10;
const NAME_AT = 19;
const LEVELS = 16;
/** Of sixteen that there is room for. */
const LEVELS_USED = 10;
/** In the year 2527. */
const ADDED_MAX_MS = 2 ** 44;
const HAS_OVERRIDES = 16;
const IS_DELAY = 32;

export interface Record {
  readonly profile: number;
  readonly priority: number;
  readonly addedAtMs: number;
  readonly dueAtMs: number;
  readonly name: string;
  readonly overrides: Partial<KeptOptions> | undefined;
  /** Where it was added, if that was traced. */
  readonly trace: TraceContext | undefined;
  /** JSON. */
  readonly payload: string;
}

/** What stands among the overrides: what differs from the profile, and beside it the trace, which older processes pass over. */
export type Overrides = Partial<KeptOptions> & Partial<TraceContext>;

/** The facts that change while the record does not. */
export interface Facts {
  readonly attempts: number;
  readonly deaths: number;
  /** 0 while it is as in the record. */
  readonly dueAtMs: number;
}

/** Profile numbers fit into it, 1 to 16,383. */
const base128 = (value: number): string => String.fromCharCode(value >> 7, value & 127);
const fromBase128 = (bytes: Buffer, at: number): number => ((bytes[at] ?? 0) << 7) | (bytes[at + 1] ?? 0);

/** What stands before the payload, but for the due time: the same for all tasks of one name, profile, priority and overrides. */
export interface RecordHead {
  readonly ofDelay: string;
  readonly ofInstant: string;
  readonly rest: string;
}

export function encodeHead(
  profile: number,
  priority: number,
  name: string,
  overrides?: Overrides,
): RecordHead {
  const json = overrides === undefined ? undefined : JSON.stringify(overrides);
  const flags = priority + (json === undefined ? 0 : HAS_OVERRIDES);
  const start = `${FORMAT}${base128(profile)}`;
  return {
    ofDelay: start + String.fromCharCode(flags + IS_DELAY),
    ofInstant: start + String.fromCharCode(flags),
    rest: `${base128(Buffer.byteLength(name))}${name}${json === undefined ? "" : base128(json.length) + json}`,
  };
}

/** A record as a producer sends it: without the time when it was added. */
export function encodeRecord(head: RecordHead, due: Due, payload: string): string {
  return "delay" in due
    ? head.ofDelay + timeText(due.delay) + head.rest + payload
    : head.ofInstant + timeText(due.atMs) + head.rest + payload;
}

/** Seven characters, base 128: up to the year 19,000. */
function timeText(ms: number): string {
  const high = Math.floor(ms / 2 ** 28);
  const low = ms % 2 ** 28;
  return String.fromCharCode(
    high >> 14,
    (high >> 7) & 127,
    high & 127,
    low >> 21,
    (low >> 14) & 127,
    (low >> 7) & 127,
    low & 127,
  );
}

function timeAt(bytes: Buffer, at: number): number {
  let ms = 0;
  for (let i = at; i < at + 7; i++) ms = ms * 128 + (bytes[i] ?? 0);
  return ms;
}

export const profileOf = (bytes: Buffer): number => fromBase128(bytes, PROFILE_AT);

/** As `isReadable` of `lua/lib/record.lua`. */
const isReadable = (bytes: Buffer): boolean => isWhole(bytes) && bytes[FORMAT_AT] === FORMAT_BYTE;

/** What every format has: the same first ten bytes, and as many as this one has before the name. */
const isWhole = (bytes: Buffer): boolean =>
  bytes.length >= NAME_AT && (bytes[FLAGS_AT] ?? 0) % LEVELS < LEVELS_USED;

/** Whoever is in doubt leaves the task to others; but text, or bytes that mean nothing, hardly begin with a time of our days. */
const isNewer = (bytes: Buffer): boolean =>
  isWhole(bytes) && (bytes[FORMAT_AT] ?? 0) > FORMAT_BYTE && bytes.readUIntBE(0, 6) < ADDED_MAX_MS;

function unreadable(bytes: Buffer): DelayqError {
  const format = bytes.toString("latin1", FORMAT_AT, FORMAT_AT + 1);
  return isNewer(bytes)
    ? new DelayqError(
        "DELAYQ_NEWER_FORMAT",
        `Expected a task record of format ${FORMAT}, got format ${format}. Update this process.`,
      )
    : new DelayqError(
        "DELAYQ_BROKEN_RECORD",
        `Expected a task record, got ${bytes.length} bytes that are none. Find out what else writes to this Redis, and cancel or purge the task.`,
      );
}

/** @throws DelayqError `DELAYQ_NEWER_FORMAT`, `DELAYQ_BROKEN_RECORD`; SyntaxError of overrides that are no JSON */
export function decodeRecord(bytes: Buffer): Record {
  if (!isReadable(bytes)) throw unreadable(bytes);
  const flags = bytes[FLAGS_AT] ?? 0;
  let at = NAME_AT + fromBase128(bytes, NAME_AT - 2);
  const name = bytes.toString("utf8", NAME_AT, at);
  let own: ReturnType<typeof splitOverrides> | undefined;
  if ((flags & HAS_OVERRIDES) !== 0) {
    const end = at + 2 + fromBase128(bytes, at);
    own = splitOverrides(JSON.parse(bytes.toString("utf8", at + 2, end)) as Overrides);
    at = end;
  }
  const addedAtMs = bytes.readUIntBE(0, 6);
  const dueMs = timeAt(bytes, DUE_AT);
  return {
    profile: profileOf(bytes),
    priority: flags % LEVELS,
    addedAtMs,
    dueAtMs: (flags & IS_DELAY) === 0 ? dueMs : addedAtMs + dueMs,
    name,
    overrides: own?.overrides,
    trace: own?.trace,
    payload: bytes.toString("utf8", at),
  };
}

/** What is no text is no trace: others may have written it. */
function splitOverrides(all: Overrides): Pick<Record, "overrides" | "trace"> {
  if (all.traceparent === undefined && all.tracestate === undefined)
    return { overrides: all, trace: undefined };
  const { traceparent, tracestate, ...kept } = all;
  const overrides = Object.keys(kept).length === 0 ? undefined : kept;
  if (typeof traceparent !== "string") return { overrides, trace: undefined };
  return { overrides, trace: typeof tracestate === "string" ? { traceparent, tracestate } : { traceparent } };
}

const NO_FACTS: Facts = Object.freeze({ attempts: 0, deaths: 0, dueAtMs: 0 });

export function decodeFacts(text: string): Facts {
  if (text === "") return NO_FACTS;
  const [attempts, deaths, dueAtMs] = text.split(":");
  return { attempts: Number(attempts), deaths: Number(deaths), dueAtMs: Number(dueAtMs) };
}

/** "fence startedAtMs worker" */
export function decodeLease(
  text: string,
): { fence: number; startedAtMs: number; worker: string } | undefined {
  if (text === "") return undefined;
  const [fence, startedAtMs, worker] = text.split(" ");
  return { fence: Number(fence), startedAtMs: Number(startedAtMs), worker: worker ?? "" };
}
