import { Presets, SingleBar, type Options } from "cli-progress";
import { grouped } from "./output.ts";

const EVERY_MS = 200;

export interface ProgressOf {
  /** What is being done, as "requeueing". */
  readonly doing: string;
  /** Looked at several times a second. */
  readonly done: () => number;
  /** How much there is; unknown if left out: then there is a count and a rate, without a bar. */
  readonly total?: number;
  /** How numbers are shown; default: with commas. */
  readonly shown?: (amount: number) => string;
  /** What stands behind it. */
  readonly also?: () => string;
}

/** A bar on stderr with rate and time left; only on a terminal, and gone at the end. */
export class Progress {
  readonly #bar: SingleBar | undefined;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor({ doing, done, total, shown = grouped, also }: ProgressOf) {
    if (!process.stderr.isTTY) return;
    const startMs = performance.now();
    const rate = (): string =>
      `${shown(Math.round((done() * 1000) / Math.max(1, performance.now() - startMs)))}/s`;
    const all = total === undefined ? "" : ` of ${shown(total)}`;
    const bar = total === undefined ? "" : " {bar} {percentage} %";
    const left = total === undefined ? "" : ", {eta_formatted} left";
    const options: Options = {
      format: `${doing}${bar} {done}${all}, {rate}${left}${also === undefined ? "" : "; {also}"}`,
      stream: process.stderr,
      clearOnComplete: true,
      // Whoever is interrupted says itself what was done.
      gracefulExit: false,
      barsize: 24,
    };
    this.#bar = new SingleBar(options, Presets.shades_classic);
    // The bar switches the wrapping of lines off; a second Ctrl-C ends the process without stopping it.
    process.on("exit", this.#leave);
    const look = (): { done: string; rate: string; also: string } => ({
      done: shown(done()),
      rate: rate(),
      also: also?.() ?? "",
    });
    let isStarted = false;
    // Not at once: what is done by then needs no bar.
    this.#timer = setInterval(() => {
      if (isStarted) this.#bar?.update(done(), look());
      else this.#bar?.start(total ?? 0, done(), look());
      isStarted = true;
    }, EVERY_MS);
  }

  stop(): void {
    process.off("exit", this.#leave);
    this.#leave();
  }

  readonly #leave = (): void => {
    clearInterval(this.#timer);
    this.#bar?.stop();
  };
}
