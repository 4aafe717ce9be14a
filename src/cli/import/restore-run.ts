import { DelayqError } from "../../core/errors.ts";
import { parseExported, parseHeader } from "../../queue/export-format.ts";
import type { Restorer } from "../../queue/restorer.ts";
import { CliError, EXIT } from "../exit.ts";
import { interruptible } from "../interruptible.ts";
import type { BadLines } from "./bad-lines.ts";
import { lineProgress } from "./line-progress.ts";
import type { LineSource } from "./line-source.ts";
import type { Line } from "./line-splitter.ts";
import { ofLine } from "./line-task.ts";
import { counted, others, summed } from "./summary.ts";

/** Queues may be told to take larger payloads than the usual ones. */
const LINE_MAX_BYTES = 268_435_456;

export interface RestoreRun {
  readonly source: LineSource;
  readonly badLines: BadLines;
  readonly isJson: boolean;
}

/** Brings an export back. All of it is there, or it says that it is not, and the queue stays paused. */
export async function restoreExport(restorer: Restorer, run: RestoreRun): Promise<void> {
  const { source, badLines, isJson } = run;
  const passed = (): number => restorer.restored + restorer.existed;
  let isRunning = false;
  let hasBegun = false;
  const summary = {
    tasks: passed,
    text: () =>
      `restored ${counted(restorer.restored)}` +
      others([
        [restorer.existed, "# existed already"],
        [badLines.skipped, `# bad ${badLines.skipped === 1 ? "line" : "lines"} skipped`],
      ]),
    state: () => (hasBegun && !isRunning ? "the queue is paused" : ""),
    advice: () => (hasBegun ? "restore again: what is there is left alone" : ""),
    json: () => ({
      restored: restorer.restored,
      existed: restorer.existed,
      skipped: badLines.skipped,
      paused: hasBegun && !isRunning,
    }),
  };
  await summed(summary, isJson, async () => {
    const progress = lineProgress("restoring", source, passed);
    const reader = new ExportReader(restorer, badLines);
    try {
      await interruptible(async (signal) => {
        try {
          for await (const line of source.lines(LINE_MAX_BYTES, signal)) {
            if (hasBegun) {
              await reader.take(line);
              continue;
            }
            const header = ofLine(line, parseHeader);
            await restorer.begin(header);
            hasBegun = true;
          }
        } finally {
          await restorer.finish();
        }
      });
      reader.checkWhole();
      isRunning = await restorer.end();
    } finally {
      progress.stop();
    }
  });
}

/** Takes the lines behind the first one, and knows whether all were there. */
class ExportReader {
  readonly #restorer: Restorer;
  readonly #badLines: BadLines;
  #tasks = 0;
  #expected: number | undefined;

  constructor(restorer: Restorer, badLines: BadLines) {
    this.#restorer = restorer;
    this.#badLines = badLines;
  }

  async take(line: Line): Promise<void> {
    const read = this.#badLines.read(() =>
      ofLine(line, (fields) => {
        if (this.#expected !== undefined)
          throw new DelayqError("DELAYQ_INVALID_LINE", "Expected nothing behind the last line of an export.");
        const parsed = parseExported(fields);
        return "end" in parsed ? parsed : this.#restorer.encode(parsed);
      }),
    );
    if (read === undefined) this.#tasks++;
    else if ("end" in read) this.#expected = read.tasks;
    else {
      this.#tasks++;
      await this.#restorer.push(read);
    }
  }

  /** @throws CliError */
  checkWhole(): void {
    if (this.#expected === this.#tasks) return;
    const got = counted(this.#tasks);
    throw new CliError(
      EXIT.failed,
      this.#expected === undefined
        ? `the file is not whole: it ends after ${got}, without the last line of an export`
        : `the file is not whole: it should hold ${counted(this.#expected)}, but holds ${got}`,
    );
  }
}
