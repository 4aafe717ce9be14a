import type { HeldTask } from "./held-task.ts";

/**
 * Tasks that were claimed ahead of a free slot. Quick handlers free one within moments; if they have become slow meanwhile,
 * the tasks go back as they were, since other workers may have slots.
 */
export interface WaitingTask {
  readonly held: HeldTask;
  /** When the claim that took it was tried, on the clock of `performance.now()`. */
  readonly triedMs: number;
}

interface Waiting extends WaitingTask {
  readonly untilMs: number;
}

const WAIT_MAX_MS = 50;

export class WaitingTasks {
  readonly #giveBack: (held: HeldTask) => void;
  readonly #onLate: () => void;
  readonly #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param onLate called before those are given back that have waited for too long */
  constructor(giveBack: (held: HeldTask) => void, onLate: () => void) {
    this.#giveBack = giveBack;
    this.#onLate = onLate;
  }

  get count(): number {
    return this.#waiting.length;
  }

  push(held: HeldTask, triedMs: number): void {
    this.#waiting.push({ held, triedMs, untilMs: performance.now() + WAIT_MAX_MS });
    this.#arm();
  }

  /** The one that has waited longest. */
  shift(): WaitingTask | undefined {
    const first = this.#waiting.shift();
    if (this.#waiting.length === 0) this.#disarm();
    return first;
  }

  /** Gives all of them back. */
  clear(): void {
    this.#disarm();
    for (const { held } of this.#waiting.splice(0)) this.#giveBack(held);
  }

  #arm(): void {
    const [first] = this.#waiting;
    if (first === undefined) return;
    this.#timer ??= setTimeout(() => this.#expire(), Math.max(1, first.untilMs - performance.now()));
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #expire(): void {
    this.#timer = undefined;
    const nowMs = performance.now();
    const kept = this.#waiting.findIndex(({ untilMs }) => untilMs > nowMs);
    const late = this.#waiting.splice(0, kept === -1 ? this.#waiting.length : kept);
    if (late.length > 0) this.#onLate();
    for (const { held } of late) this.#giveBack(held);
    this.#arm();
  }
}
