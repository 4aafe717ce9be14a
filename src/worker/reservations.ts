/**
 * The slots that claims under way keep free for what they may bring.
 *
 * A claim keeps its slots until it is answered, given up, or has waited for its time; then others get them, and what it
 * brings in the end has to take what is free then. Its time is `keepMs`, and a tenth of that for a shard that is in doubt
 * since a claim was not answered within `keepMs`. It is never less than a few times what answers took lately: where all
 * are slow, slots given away early would be claimed for twice.
 */
export interface Reservation {
  /** Tells, once the answer is there, whether it came in time, however long the slots were kept. */
  answered(): boolean;
  end(): void;
}

const DOUBTED_SHARE = 0.1;
const ANSWER_TIMES = 3;
/** The weight of the newest answer: one that is late proves nothing. */
const ANSWER_WEIGHT = 0.2;
/** An answer of a node that was away says little of the others. */
const ANSWER_KEEPS_MAX = 2;

export class Reservations {
  readonly #keepMs: number;
  #slots = 0;
  #keeping = 0;
  /** What answers took lately. */
  #answerMs = 0;

  /** @param keepMs Infinity to keep slots until the answer */
  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  /** How many slots are kept. */
  get slots(): number {
    return this.#slots;
  }

  /** How many claims keep slots. */
  get keeping(): number {
    return this.#keeping;
  }

  keep(count: number, isDoubted: boolean, onOverdue: () => void): Reservation {
    const sentMs = performance.now();
    const inTimeMs = this.#atLeast(this.#keepMs);
    const keepMs = isDoubted ? this.#atLeast(this.#keepMs * DOUBTED_SHARE) : inTimeMs;
    let isKept = true;
    let timer: NodeJS.Timeout | undefined;
    const end = (): void => {
      clearTimeout(timer);
      if (!isKept) return;
      isKept = false;
      this.#slots -= count;
      this.#keeping--;
    };
    const beOverdue = (): void => {
      end();
      onOverdue();
    };
    this.#slots += count;
    this.#keeping++;
    if (Number.isFinite(keepMs)) timer = setTimeout(beOverdue, keepMs);
    return {
      answered: () => {
        clearTimeout(timer);
        const tookMs = performance.now() - sentMs;
        this.#learn(tookMs);
        return tookMs < inTimeMs;
      },
      end,
    };
  }

  #atLeast(ms: number): number {
    return Math.max(ms, this.#answerMs * ANSWER_TIMES);
  }

  #learn(tookMs: number): void {
    const countedMs = Math.min(tookMs, this.#keepMs * ANSWER_KEEPS_MAX);
    this.#answerMs += (countedMs - this.#answerMs) * ANSWER_WEIGHT;
  }
}
