import { DelayqError } from "../../core/errors.ts";
import { say } from "../output.ts";

/** What becomes of lines that are wrong: one stops the import, unless they are to be skipped. */
export class BadLines {
  readonly #isSkipping: boolean;
  skipped = 0;

  constructor(isSkipping: boolean) {
    this.#isSkipping = isSkipping;
  }

  /** @returns what the line holds, or undefined if it is skipped @throws what reading it threw */
  read<T>(line: () => T): T | undefined {
    try {
      return line();
    } catch (error) {
      if (!this.#isSkipping || !(error instanceof DelayqError) || error.code !== "DELAYQ_INVALID_LINE")
        throw error;
      this.skipped++;
      say(`${error.message.replace(/\.$/, "")}; skipped`);
      return undefined;
    }
  }
}
