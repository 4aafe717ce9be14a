import { createHash } from "node:crypto";

/**
 * Remembers millions of ids in little memory: of each 16 bytes of its SHA-256, outside of the garbage collector's reach, at most
 * 48 bytes an id. That two of ten million ids have these 16 bytes in common has a chance of 1 in 10^24.
 */
const WORDS = 4;
const SLOTS_MIN = 1024;

export class SeenIds {
  #slots: Uint32Array;
  #mask: number;
  #count = 0;

  /** @param expected how many ids are to come; more may */
  constructor(expected = 0) {
    const slots = slotsFor(Math.max(SLOTS_MIN, expected));
    this.#slots = new Uint32Array(slots * WORDS);
    this.#mask = slots - 1;
  }

  get size(): number {
    return this.#count;
  }

  /** @returns whether it is new */
  add(id: string): boolean {
    const digest = createHash("sha256").update(id).digest();
    // A slot that is all 0 is free.
    const print = [0, 4, 8, 12].map((at) => digest.readUInt32LE(at) || 1);
    if (!this.#put(print)) return false;
    this.#count++;
    if (this.#count * 3 > (this.#mask + 1) * 2) this.#grow();
    return true;
  }

  #put(print: ArrayLike<number>): boolean {
    const slots = this.#slots;
    for (let slot = (print[0] ?? 0) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const at = slot * WORDS;
      if (slots[at] === 0) {
        slots.set(print, at);
        return true;
      }
      if (
        slots[at] === print[0] &&
        slots[at + 1] === print[1] &&
        slots[at + 2] === print[2] &&
        slots[at + 3] === print[3]
      )
        return false;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    this.#mask = this.#slots.length / WORDS - 1;
    for (let at = 0; at < old.length; at += WORDS) if (old[at] !== 0) this.#put(old.subarray(at, at + WORDS));
  }
}

/** The next power of 2 of which at most two thirds are taken. */
const slotsFor = (ids: number): number => 2 ** Math.ceil(Math.log2(ids * 1.5));
