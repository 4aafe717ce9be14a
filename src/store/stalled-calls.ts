/**
 * Watches calls to a Cluster for those that are not answered.
 *
 * A master that is frozen keeps its connections open and holds its calls until the socket time-out, and longer, if it is
 * connected again; while a replica may have taken its slots over long ago. So as long as a call waits for more than a second
 * it is told once a second.
 */
const STALLED_MS = 1000;
const LOOK_MIN_MS = 100;

interface Sent {
  readonly sentMs: number;
  isAnswered: boolean;
}

export class StalledCalls {
  readonly #onStalled: () => void;
  /** The oldest first; those that were answered leave when it is looked. Holds no answer, however long one may be. */
  #sent: Sent[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(onStalled: () => void) {
    this.#onStalled = onStalled;
  }

  watch(answer: Promise<unknown>): void {
    const sent = { sentMs: performance.now(), isAnswered: false };
    this.#sent.push(sent);
    if (this.#timer === undefined) this.#lookIn(STALLED_MS);
    const forget = (): void => void (sent.isAnswered = true);
    answer.then(forget, forget);
  }

  #look(): void {
    this.#timer = undefined;
    this.#sent = this.#sent.filter(({ isAnswered }) => !isAnswered);
    const [oldest] = this.#sent;
    if (oldest === undefined) return;
    const waitedMs = performance.now() - oldest.sentMs;
    if (waitedMs >= STALLED_MS) this.#onStalled();
    this.#lookIn(waitedMs >= STALLED_MS ? STALLED_MS : Math.max(LOOK_MIN_MS, STALLED_MS - waitedMs));
  }

  #lookIn(delayMs: number): void {
    this.#timer = setTimeout(() => this.#look(), delayMs).unref();
  }
}
