import { encodeHead, encodeRecord } from "../../src/store/codec.ts";

/** That of those that still have one. */
export const BROKEN_PRIORITY = 5;

/** What others may have written over a record: each breaks it in another place. */
export const BROKEN_RECORDS: readonly (readonly [string, Buffer])[] = [
  ["nothing", Buffer.alloc(0)],
  ["one byte", Buffer.from("x")],
  ["text", Buffer.from("overwritten by a person with redis-cli")],
  ["JSON", Buffer.from('{"name":"mail","data":{"to":"somebody"}}')],
  ["zeros", Buffer.alloc(40)],
  ["ones", Buffer.alloc(40, 0xff)],
  ["the first 8 bytes", whole().subarray(0, 8)],
  ["the first 18 bytes", whole().subarray(0, 18)],
  ["a priority of 15", changed(whole(), 9, 15)],
  ["a name longer than all", changed(whole(), 17, 100)],
  ["overrides that are cut off", whole({ attempts: 7 }).subarray(0, 30)],
  ["overrides that are no JSON", changed(whole({ attempts: 7 }), 25, 0)],
  ["a payload that is cut off", whole().subarray(0, -1)],
];

/** A record that may be of a newer release: it is left to others. Its level is in use nowhere. */
export const NEWER_RECORD = changed(changed(whole(), 6, "2".charCodeAt(0)), 9, 3);

function whole(overrides?: { attempts: number }): Buffer {
  const added = Buffer.alloc(6);
  added.writeUIntBE(1_700_000_000_000, 0, 6);
  const head = encodeHead(1, BROKEN_PRIORITY, "mail", overrides);
  return Buffer.concat([added, Buffer.from(encodeRecord(head, { delay: 0 }, '{"to":1}'))]);
}

function changed(record: Buffer, at: number, byte: number): Buffer {
  const copy = Buffer.from(record);
  copy[at] = byte;
  return copy;
}
