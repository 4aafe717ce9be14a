import { outside } from "./outside.ts";

/**
 * The one shape of everything that happens again and again: look, sleep, look again; sooner when a hint comes.
 *
 * States: idle -> sleeping <-> running -> stopped. A look never overlaps another. It returns after how many ms it wants to
 * look again; a hint while it runs makes it look once more at once, or after the hint's delay. A look that throws is
 * reported, and comes again after a wait that grows, so that nothing stops silently and nothing spins. Looks belong to
 * nobody: whatever context it was started or hinted in, they run outside.
 */
const TIMER_MAX_MS = 2 ** 31 - 1;
const FAILED_MIN_MS = 100;
const FAILED_MAX_MS = 1000;

export class Loop {
  readonly #look: (signal: AbortSignal) => Promise<number>;
  readonly #stopping = new AbortController();
  readonly #onError: (error: unknown) => void;
  #state: "idle" | "sleeping" | "running" | "stopped" = "idle";
  #timer: NodeJS.Timeout | undefined;
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #hintAtMs = Number.POSITIVE_INFINITY;
  #beganMs = 0;
  #failedMs = FAILED_MIN_MS;
  #running: Promise<void> | undefined;

  /** @param look gets a signal that aborts when the loop is to stop; what it throws then is not reported */
  constructor(look: (signal: AbortSignal) => Promise<number>, onError: (error: unknown) => void) {
    this.#look = look;
    this.#onError = onError;
  }

  /** How long the look that is under way has taken, or how long ago the next one should have begun. */
  get behindMs(): number {
    if (this.#state === "running") return performance.now() - this.#beganMs;
    return this.#state === "sleeping" ? Math.max(0, performance.now() - this.#wakeAtMs) : 0;
  }

  start(delayMs = 0): void {
    if (this.#state === "idle") this.#sleep(delayMs);
  }

  /** Look in `delayMs` at the latest. */
  hint(delayMs = 0): void {
    if (this.#state === "running") {
      this.#hintAtMs = Math.min(this.#hintAtMs, performance.now() + delayMs);
    } else if (this.#state === "sleeping" && performance.now() + delayMs < this.#wakeAtMs) {
      this.#sleep(delayMs);
    }
  }

  /** Look in `delayMs`, not sooner and not later; does nothing during a look, which says itself when the next one is due. */
  wakeIn(delayMs: number): void {
    if (this.#state === "sleeping") this.#sleep(delayMs);
  }

  /** Resolves when the look that is under way has ended; none comes after it. */
  async stop(): Promise<void> {
    this.#state = "stopped";
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }

  #sleep(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#state = "sleeping";
    this.#wakeAtMs = performance.now() + delayMs;
    const wake = (): void => {
      this.#running = outside(() => this.#run());
    };
    this.#timer = setTimeout(wake, Math.min(Math.max(0, delayMs), TIMER_MAX_MS));
  }

  async #run(): Promise<void> {
    this.#state = "running";
    this.#beganMs = performance.now();
    this.#hintAtMs = Number.POSITIVE_INFINITY;
    let delayMs: number;
    try {
      delayMs = await this.#look(this.#stopping.signal);
      this.#failedMs = FAILED_MIN_MS;
    } catch (error) {
      if (this.#isStopped()) return;
      this.#onError(error);
      delayMs = this.#failedMs;
      this.#failedMs = Math.min(this.#failedMs * 2, FAILED_MAX_MS);
    }
    if (this.#isStopped()) return;
    this.#sleep(Math.min(delayMs, Math.max(0, this.#hintAtMs - performance.now())));
  }

  /** A method, since the state may have changed while a look was awaited. */
  #isStopped(): boolean {
    return this.#state === "stopped";
  }
}
