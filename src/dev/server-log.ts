import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

const LINES_MAX = 50;

/** The last lines one run of a server wrote, and a way to wait for one of them. */
export class ServerLog {
  readonly #lines: string[] = [];
  readonly #waiting = new Map<RegExp, () => void>();

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Takes in a stream line by line, without keeping this process alive for it. */
  read(stream: Readable): void {
    createInterface({ input: stream }).on("line", (line) => {
      this.add(line);
    });
    (stream as Socket).unref();
  }

  add(line: string): void {
    if (line.trim() === "") return;
    this.#lines.push(line);
    if (this.#lines.length > LINES_MAX) this.#lines.shift();
    for (const [pattern, notify] of this.#waiting) {
      if (pattern.test(line)) notify();
    }
  }

  has(pattern: RegExp): boolean {
    return this.#lines.some((line) => pattern.test(line));
  }

  /** Resolves when a line matches; never, when none does. */
  whenLine(pattern: RegExp): Promise<void> {
    if (this.has(pattern)) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.set(pattern, () => {
        this.#waiting.delete(pattern);
        resolve();
      });
    });
  }
}
