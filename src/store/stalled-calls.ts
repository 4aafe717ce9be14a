/**
 * Watches calls to a Cluster for those that are not answered.
 *
 * A master that is frozen keeps its connections open and holds its calls until the socket time-out, and longer, if it is
 * connected again; while a replica may have taken its slots over long ago. So as long as a call waits for more than a second
 * it is told once a second.
 */
const STALLED_MS = 1000;

export class StalledCalls {
  readonly #onStalled: () => void;
  /** When they were sent, the oldest first. */
  readonly #sentMs = new Map<Promise<unknown>, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(onStalled: () => void) {
    this.#onStalled = onStalled;
  }

  watch(answer: Promise<unknown>): void {
    this.#sentMs.set(answer, performance.now());
    if (this.#timer === undefined) this.#lookIn(STALLED_MS);
    const forget = (): void => void this.#sentMs.delete(answer);
    answer.then(forget, forget);
  }

  #look(): void {
    this.#timer = undefined;
    const [oldestMs] = this.#sentMs.values();
    if (oldestMs === undefined) return;
    const waitedMs = performance.now() - oldestMs;
    if (waitedMs >= STALLED_MS) this.#onStalled();
    this.#lookIn(waitedMs >= STALLED_MS ? STALLED_MS : STALLED_MS - waitedMs);
  }

  #lookIn(delayMs: number): void {
    this.#timer = setTimeout(() => this.#look(), delayMs).unref();
  }
}
