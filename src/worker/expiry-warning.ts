import { tryToLog, type Logger } from "../runtime/logger.ts";

const QUIET_MS = 60_000;

/**
 * Says that tasks were too late to be run: at once, and then at most once a minute. Each of them has a line of its own, of a lower
 * level; but a clock of Redis that is ahead lets every task with an `expireMs` expire, and nobody should have to look for that.
 */
export class ExpiryWarning {
  readonly #logger: Logger;
  readonly #queue: string;
  readonly #now: () => number;
  #saidMs = Number.NEGATIVE_INFINITY;
  #expired = 0;
  #lagMaxMs = 0;

  constructor(logger: Logger, queue: string, now = (): number => performance.now()) {
    this.#logger = logger;
    this.#queue = queue;
    this.#now = now;
  }

  /** One task expired. @param lagMs how long after it was due it was claimed */
  note(lagMs: number): void {
    this.#expired++;
    this.#lagMaxMs = Math.max(this.#lagMaxMs, lagMs);
  }

  /** Of what was noted and not said. */
  say(): void {
    if (this.#expired === 0 || this.#now() - this.#saidMs < QUIET_MS) return;
    tryToLog(() =>
      this.#logger.warn(
        { queue: this.#queue, expired: this.#expired, lagMaxMs: this.#lagMaxMs },
        "tasks were claimed later than their expireMs allows, and are not run",
      ),
    );
    this.#saidMs = this.#now();
    this.#expired = 0;
    this.#lagMaxMs = 0;
  }
}
