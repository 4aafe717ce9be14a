import type { IdSeries } from "../../core/ids.ts";
import { PAYLOAD_MAX_BYTES } from "../../core/options.ts";
import type { Queue } from "../../queue/queue.ts";
import { interruptible } from "../interruptible.ts";
import type { BadLines } from "./bad-lines.ts";
import { Importer } from "./importer.ts";
import { lineProgress } from "./line-progress.ts";
import type { LineSource } from "./line-source.ts";
import { taskOf, type LineFormat } from "./line-task.ts";
import { counted, others, summed } from "./summary.ts";

/** Room for a payload of the largest size whose characters are written as \uXXXX, and for what stands around it. */
const LINE_MAX_BYTES = 3 * PAYLOAD_MAX_BYTES + 65_536;

export interface ImportRun {
  readonly source: LineSource;
  readonly format: LineFormat;
  readonly badLines: BadLines;
  readonly fromLine: number;
  readonly series: IdSeries;
  readonly isJson: boolean;
}

/** Adds the tasks of a file. What stands before a wrong line is imported whole; nothing of what stands behind it. */
export async function importTasks(queue: Queue, run: ImportRun): Promise<void> {
  const { source, format, badLines, fromLine, series, isJson } = run;
  const importer = new Importer(queue, series, fromLine);
  const passed = (): number => importer.added + importer.existed;
  const summary = {
    tasks: passed,
    text: () =>
      `imported ${counted(importer.added)}` +
      others([
        [importer.existed, "# existed already"],
        [importer.unknown, "of # it is not known"],
        [badLines.skipped, `# bad ${badLines.skipped === 1 ? "line" : "lines"} skipped`],
      ]),
    state: () => "",
    advice: () => `go on with --from-line ${importer.nextLine} --run ${series.text}`,
    json: () => ({
      imported: importer.added,
      existed: importer.existed,
      unknown: importer.unknown,
      skipped: badLines.skipped,
      nextLine: importer.nextLine,
      run: series.text,
    }),
  };
  await summed(summary, isJson, async () => {
    const progress = lineProgress("importing", source, passed);
    await interruptible(async (signal) => {
      try {
        for await (const line of source.lines(LINE_MAX_BYTES, signal)) {
          if (line.number < fromLine) continue;
          importer.reach(line);
          const task = badLines.read(() => taskOf(line, format));
          if (task === undefined) importer.pass(line);
          else await importer.push(task, line);
        }
      } finally {
        await importer.finish().finally(() => progress.stop());
      }
    });
  });
}
