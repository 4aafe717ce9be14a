import { clearLine, cursorTo } from "node:readline";

const EVERY_MS = 200;

/** One line on stderr that says how far something came; only on a terminal, and gone at the end. */
export class Progress {
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(line: () => string) {
    if (!process.stderr.isTTY) return;
    this.#timer = setInterval(() => {
      cursorTo(process.stderr, 0);
      process.stderr.write(line());
      clearLine(process.stderr, 1);
    }, EVERY_MS);
  }

  stop(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    cursorTo(process.stderr, 0);
    clearLine(process.stderr, 0);
  }
}
