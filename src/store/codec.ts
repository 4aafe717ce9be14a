import { DelayqError } from "../core/errors.ts";
import type { KeptOptions } from "../core/options.ts";

/**
 * The packed record of a task; its layout stands in `lua/lib/record.lua`. A producer writes it without the times, and all of
 * it is text of one byte a character but for name, overrides and payload, which are UTF-8: so it can go to Redis as one
 * string, which is ioredis' fast path.
 */
const FORMAT = "1";
const FORMAT_BYTE = FORMAT.charCodeAt(0);
const DUE_AT = 6;
const FORMAT_AT = 12;
const PROFILE_AT = 13;
const FLAGS_AT = 15;
const NAME_AT = 18;
const HAS_OVERRIDES = 16;

export interface Record {
  readonly profile: number;
  readonly priority: number;
  readonly addedAtMs: number;
  readonly dueAtMs: number;
  readonly name: string;
  readonly overrides: Partial<KeptOptions> | undefined;
  /** JSON. */
  readonly payload: string;
}

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

/** The part of a record before the payload: the same for all tasks of one name, profile, priority and overrides. */
export function encodeHead(
  profile: number,
  priority: number,
  name: string,
  overrides?: Partial<KeptOptions>,
): string {
  const flags = priority + (overrides === undefined ? 0 : HAS_OVERRIDES);
  const head = `${FORMAT}${base128(profile)}${String.fromCharCode(flags)}${base128(Buffer.byteLength(name))}${name}`;
  if (overrides === undefined) return head;
  const json = JSON.stringify(overrides);
  return `${head}${base128(json.length)}${json}`;
}

export const profileOf = (bytes: Buffer): number => fromBase128(bytes, PROFILE_AT);

/** @throws DelayqError `DELAYQ_NEWER_FORMAT` */
export function decodeRecord(bytes: Buffer): Record {
  if (bytes[FORMAT_AT] !== FORMAT_BYTE) {
    throw new DelayqError(
      "DELAYQ_NEWER_FORMAT",
      `Expected a task record of format ${FORMAT}, got format ${bytes.toString("latin1", FORMAT_AT, FORMAT_AT + 1)}. Update this process.`,
    );
  }
  const flags = bytes[FLAGS_AT] ?? 0;
  let at = NAME_AT + fromBase128(bytes, NAME_AT - 2);
  const name = bytes.toString("utf8", NAME_AT, at);
  let overrides: Partial<KeptOptions> | undefined;
  if (flags >= HAS_OVERRIDES) {
    const end = at + 2 + fromBase128(bytes, at);
    overrides = JSON.parse(bytes.toString("utf8", at + 2, end)) as Partial<KeptOptions>;
    at = end;
  }
  return {
    profile: profileOf(bytes),
    priority: flags % HAS_OVERRIDES,
    addedAtMs: bytes.readUIntBE(0, 6),
    dueAtMs: bytes.readUIntBE(DUE_AT, 6),
    name,
    overrides,
    payload: bytes.toString("utf8", at),
  };
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
