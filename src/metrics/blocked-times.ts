import { monitorEventLoopDelay, type IntervalHistogram } from "node:perf_hooks";

const WINDOW_MS = 30_000;
const RESOLUTION_MS = 50;

/**
 * For how long the event loop was blocked at a stretch of late: the longest time, of the window that runs and of the one
 * before it. Node measures by itself, so it costs a timer. Not what prom-client does for `nodejs_eventloop_lag_*`: that
 * forgets at each scrape.
 */
export class BlockedTimes {
  readonly #delays: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #beforeMs = 0;
  #timer: NodeJS.Timeout | undefined;

  start(): void {
    this.#delays.enable();
    this.#timer = setInterval(() => {
      this.#beforeMs = this.#longestMs();
      this.#delays.reset();
    }, WINDOW_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#delays.disable();
  }

  look(): { readonly longestMs: number; readonly withinMs: number } {
    return { longestMs: Math.max(this.#beforeMs, this.#longestMs()), withinMs: 2 * WINDOW_MS };
  }

  #longestMs(): number {
    return Math.max(0, this.#delays.max / 1e6 - RESOLUTION_MS);
  }
}
