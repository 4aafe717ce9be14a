import type { Command } from "commander";
import { DelayqError } from "../../core/errors.ts";
import { TASK_STATES } from "../../core/task.ts";
import { Exporter } from "../../queue/exporter.ts";
import { QueueStore } from "../../store/queue-store.ts";
import { counted } from "../import/summary.ts";
import { interruptible } from "../interruptible.ts";
import { drained, print, printableJson, say } from "../output.ts";
import { Progress } from "../progress.ts";
import { checkQueueExists, withRedis, withRedisFlags, type RedisFlags } from "../redis-session.ts";

const HELP = `
Newline-delimited JSON on stdout: a line about the queue, a line for each task with all that belongs to it (state, options,
attempts, error, result, times), and a last line with how many there are. \`delayq import --restore\` brings it back.

The queue may run meanwhile. A task that is there from the beginning to the end is in the file exactly once, in a state that
it had; one that is added or goes away meanwhile may be in it or not.

Examples:
  $ delayq export emails > emails.ndjson
  $ delayq export emails | gzip > emails.ndjson.gz
  $ delayq export emails | jq -r 'select(.state == "dead") | .id'`;

export function addExportCommand(root: Command): void {
  withRedisFlags(root.command("export"))
    .summary("write down everything about a queue")
    .description("Writes everything about a queue to stdout while it runs, as a backup or to move it.")
    .argument("<queue>")
    .option("--json", "changes nothing: an export is JSON")
    .addHelpText("after", HELP)
    .action(run);
}

async function run(queueName: string, flags: RedisFlags): Promise<void> {
  await withRedis(flags, async (redis) => {
    await checkQueueExists(redis, queueName);
    const store = new QueueStore(redis.connection, { prefix: redis.prefix, queue: queueName });
    const exporter = new Exporter(store);
    const counts = await redis.queue(queueName).counts();
    const total = TASK_STATES.reduce((sum, state) => sum + counts[state], 0);
    // Lines on the same terminal would be torn by it.
    const progress = process.stdout.isTTY
      ? undefined
      : new Progress({ doing: "exporting", done: () => exporter.count, total });
    const done = (): string => `wrote ${counted(exporter.count)}; the export is not whole`;
    try {
      await interruptible(async (signal) => {
        for await (const lines of exporter.lines(redis.nowMs)) {
          print(printableJson(lines.join("\n")));
          await drained();
          if (signal.aborted) return;
        }
        await noteEnd(store);
      }, done);
    } finally {
      progress?.stop();
    }
  });
}

/** For whoever watches how old the last backup is. The export is whole without it. */
async function noteEnd(store: QueueStore): Promise<void> {
  try {
    await store.noteExport();
  } catch (error) {
    if (!(error instanceof DelayqError)) throw error;
    say(`the export is whole, but Redis could not take note of that: ${error.message}`);
  }
}
