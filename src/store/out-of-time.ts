import { outside } from "../runtime/outside.ts";

/**
 * Gives up what is not answered in time. Thousands of calls a second wait here for a millisecond each, nearly all of them for
 * nothing, so they share one timer, and one listener a signal. To add and remove a listener for each call costs more than its
 * memory: what passes through the Map within a signal is kept by the Map's old tables (see held-tasks.ts), and of a busy
 * worker's heap so much came to be old that every three seconds a large collection held up a hundred tasks for 20 ms.
 */
export const OUT_OF_TIME = new Error("out of time");

const TIMER_MAX_MS = 2 ** 31 - 1;
const LATE_MS = 1000;

interface Wait {
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  readonly giveUp: () => void;
  /** Where it is in the list. */
  seat: number;
}

class Waits {
  /** In no order, without gaps. */
  readonly #waits: Wait[] = [];
  readonly #heard = new WeakSet<AbortSignal>();
  /** Fires at the first deadline or before; it stays when that one is gone, but keeps no process alive for nothing. */
  #timer: NodeJS.Timeout | undefined;
  #wakeAtMs = Number.POSITIVE_INFINITY;

  add(deadlineMs: number, signal: AbortSignal | undefined, giveUp: () => void): Wait {
    const wait: Wait = { deadlineMs, signal, giveUp, seat: this.#waits.length };
    const isFirst = this.#waits.push(wait) === 1;
    if (isFirst) this.#timer?.ref();
    if (signal !== undefined) this.#hear(signal);
    // A timer that should have fired and has not is gone: with the faked clock of somebody's test.
    const isLost = isFirst && this.#wakeAtMs < performance.now() - LATE_MS;
    if (isLost || deadlineMs < this.#wakeAtMs) this.#wakeAt(deadlineMs);
    return wait;
  }

  /** The last one takes its seat. */
  remove(wait: Wait): void {
    if (this.#waits[wait.seat] !== wait) return;
    const last = this.#waits.pop();
    if (last !== undefined && last !== wait) {
      this.#waits[wait.seat] = last;
      last.seat = wait.seat;
    }
    if (this.#waits.length === 0) this.#timer?.unref();
  }

  #hear(signal: AbortSignal): void {
    if (this.#heard.has(signal)) return;
    this.#heard.add(signal);
    signal.addEventListener("abort", () => this.#giveUp((wait) => wait.signal === signal), { once: true });
  }

  #wakeAt(atMs: number): void {
    clearTimeout(this.#timer);
    this.#wakeAtMs = atMs;
    const delayMs = Math.min(Math.max(0, atMs - performance.now()), TIMER_MAX_MS);
    this.#timer = outside(() => setTimeout(() => this.#wake(), delayMs));
  }

  #wake(): void {
    this.#timer = undefined;
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
    const nowMs = performance.now();
    this.#giveUp(({ deadlineMs }) => deadlineMs <= nowMs);
    const firstMs = this.#waits.reduce((first, { deadlineMs }) => Math.min(first, deadlineMs), Infinity);
    if (firstMs < Infinity) this.#wakeAt(firstMs);
  }

  #giveUp(isOver: (wait: Wait) => boolean): void {
    for (const wait of this.#waits.filter(isOver)) {
      this.remove(wait);
      wait.giveUp();
    }
  }
}

const waits = new Waits();

/** Rejects with OUT_OF_TIME at the deadline or when the signal aborts, whatever becomes of the promise. */
export function before<T>(
  deadlineMs: number,
  signal: AbortSignal | undefined,
  promise: Promise<T>,
): Promise<T> {
  if (deadlineMs === Number.POSITIVE_INFINITY && signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const wait = waits.add(deadlineMs, signal, () => reject(OUT_OF_TIME));
    promise.then(
      (value) => {
        waits.remove(wait);
        resolve(value);
      },
      (error: unknown) => {
        waits.remove(wait);
        reject(error);
      },
    );
    if (signal?.aborted === true) {
      waits.remove(wait);
      reject(OUT_OF_TIME);
    }
  });
}
