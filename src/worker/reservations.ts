/**
 * The slots that claims under way keep free for what they may bring.
 *
 * A claim is `kept` at first. Unanswered for `keepMs` it is `overdue`: it keeps no slots any more, and what it brings in the
 * end has to take what is free then. Answered, or given up, it is `ended`. While one is overdue the next are given a tenth
 * of the time: many shards may be on the node that does not answer.
 */
export interface Reservation {
  /** Tells, once the answer is there, whether there are slots for all of it. */
  answered(): boolean;
  end(): void;
}

const SUSPICIOUS_SHARE = 0.1;

export class Reservations {
  readonly #keepMs: number;
  readonly #onOverdue: () => void;
  #slots = 0;
  #keeping = 0;
  #overdue = 0;

  /** @param keepMs Infinity to keep slots until the answer */
  constructor(keepMs: number, onOverdue: () => void) {
    this.#keepMs = keepMs;
    this.#onOverdue = onOverdue;
  }

  /** How many slots are kept. */
  get slots(): number {
    return this.#slots;
  }

  /** How many claims keep slots. */
  get keeping(): number {
    return this.#keeping;
  }

  keep(count: number): Reservation {
    let state: "kept" | "overdue" | "ended" = "kept";
    let timer: NodeJS.Timeout | undefined;
    const become = (next: "overdue" | "ended"): void => {
      clearTimeout(timer);
      if (state === "kept") {
        this.#slots -= count;
        this.#keeping--;
      }
      if (state === "overdue") this.#overdue--;
      if (next === "overdue") this.#overdue++;
      state = next;
    };
    const beOverdue = (): void => {
      become("overdue");
      this.#onOverdue();
    };
    this.#slots += count;
    this.#keeping++;
    const keepMs = this.#overdue > 0 ? this.#keepMs * SUSPICIOUS_SHARE : this.#keepMs;
    if (Number.isFinite(keepMs)) timer = setTimeout(beOverdue, keepMs);
    return {
      answered: () => {
        clearTimeout(timer);
        return state === "kept";
      },
      end: () => become("ended"),
    };
  }
}
