import type { Field } from "./script.ts";
import type { StoredTask } from "./task-view.ts";

/** What the fields of replies hold, for scripts.ts. */
export const none = () => ({});
export const listed = (field: Field | undefined): readonly Field[] => (Array.isArray(field) ? field : []);
export const text = (field: Field | undefined): string => String(field ?? "");
export const numbers = (fields: readonly Field[]): number[] => fields.map(Number);
/** Scripts say -1 where there is none. */
export const instant = (field: Field | undefined): number | undefined =>
  Number(field) === -1 ? undefined : Number(field);
const bytes = (field: Field | undefined): Buffer =>
  Buffer.isBuffer(field) ? field : Buffer.from(text(field));

/** Cuts a flat list into rows of `size`. */
export function rows<T>(fields: readonly Field[], size: number, make: (...row: Field[]) => T): T[] {
  const made: T[] = [];
  for (let at = 0; at + size <= fields.length; at += size) made.push(make(...fields.slice(at, at + size)));
  return made;
}

/** Ids hold no control characters, so they come as lines of one text: each value of a reply costs the client's parser. */
export const linesOf = (ids: string): string[] => (ids === "" ? [] : ids.split("\n"));

export function claimedOf(ids: string, records: readonly Field[], changed: readonly Field[]) {
  return linesOf(ids).map((id, i) => ({ id, record: bytes(records[i]), more: text(changed[i]) }));
}

/** Most tasks have none of what comes last. */
export function storedOf(states: string, records: readonly Field[], rest: readonly Field[]): StoredTask[] {
  const stored: StoredTask[] = states
    .split(" ")
    .map((state, i) => ({ state, record: bytes(records[i]), more: "", lease: "", error: "", result: "" }));
  for (const [index, ...values] of rows(rest, 5, (...row) => row)) {
    const [more, lease, error, result] = values.map(text) as [string, string, string, string];
    const i = Number(index);
    stored[i] = { ...(stored[i] as StoredTask), more, lease, error, result };
  }
  return stored;
}

/** A task on a walk, and its score where it is: due time, lease deadline, when it died or when it is forgotten. */
export interface Walked extends StoredTask {
  readonly id: string;
  readonly score: number;
}

export function walkedOf(ids: string, scores: string, stored: readonly StoredTask[]): Walked[] {
  if (ids === "") return [];
  const each = scores.split(" ");
  return ids.split("\n").map((id, i) => ({ ...(stored[i] as StoredTask), id, score: Number(each[i]) }));
}
