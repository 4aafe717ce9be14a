/**
 * How long to wait before looking without a hint: a second at first, then longer and longer, up to `maxMs`; jittered, so that
 * processes do not look in step. While hints cannot arrive it stays at a second. What happens meanwhile does not shorten it:
 * of a shard that is busy one hears, and looks after each task would be most of its calls.
 */
const FIRST_MS = 1000;
const GROWTH = 2;
const JITTER = 0.2;

export class SlowPoll {
  readonly #maxMs: number;
  #waitMs: number;

  constructor(maxMs: number) {
    this.#maxMs = maxMs;
    this.#waitMs = Math.min(FIRST_MS, maxMs);
  }

  /** @param canHear whether hints can arrive now */
  nextMs(canHear: boolean): number {
    const waitMs = canHear ? this.#waitMs : Math.min(FIRST_MS, this.#maxMs);
    this.#waitMs = Math.min(this.#waitMs * GROWTH, this.#maxMs);
    return waitMs * (1 - JITTER * Math.random());
  }
}
