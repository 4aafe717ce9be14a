import { checkTaskId } from "../core/names.ts";
import type { Task, TaskState } from "../core/task.ts";
import { withTimes } from "./document.ts";
import { CliError, EXIT } from "./exit.ts";
import { print, printJson, printable, printableLines } from "./output.ts";
import { checkQueueExists, withRedis, type RedisFlags } from "./redis-session.ts";
import { shownTime } from "./time-zone.ts";

interface ShowFlags extends RedisFlags {
  readonly json?: true;
}

/** @throws CliError with exit code 4 if there is no such task, or none in the state */
export async function showTask(
  queue: string,
  id: string,
  flags: ShowFlags,
  state?: TaskState,
): Promise<void> {
  checkTaskId(id);
  const task = await withRedis(flags, async (redis) => {
    await checkQueueExists(redis, queue);
    return await redis.queue(queue).get(id);
  });
  if (task === undefined) {
    throw new CliError(
      EXIT.notFound,
      `there is no task ${id} in ${queue}; it has completed, or was cancelled or purged, or never was`,
    );
  }
  if (state !== undefined && task.state !== state) {
    throw new CliError(EXIT.notFound, `task ${id} is not ${state}, but ${task.state}`);
  }
  if (flags.json) printJson(withTimes(task));
  else print(described(task));
}

/** A field a line; the stack as the lines it has. */
function described(task: Task): string {
  const { error, data, result, dueAtMs, addedAtMs, startedAtMs, ...plain } = task;
  const fields: [string, string][] = [
    ...["id", "queue", "shard", "name", "state", "priority", "attempt"].map((name): [string, string] => [
      name,
      String(plain[name as keyof typeof plain]),
    ]),
    ["due", shownTime(dueAtMs)],
    ["added", shownTime(addedAtMs)],
    ...(startedAtMs === undefined ? [] : [["started", shownTime(startedAtMs)] as [string, string]]),
    ...(plain.fence === undefined ? [] : [["fence", String(plain.fence)] as [string, string]]),
    ["data", JSON.stringify(data)],
    ...(result === undefined ? [] : [["result", JSON.stringify(result)] as [string, string]]),
    ...(error === undefined ? [] : [["error", `${error.name}: ${error.message}`] as [string, string]]),
  ];
  const lines = fields.map(([name, value]) => `${name.padEnd(9)}${printable(value)}`);
  if (error?.stack !== undefined) lines.push("", printableLines(error.stack));
  return lines.join("\n");
}
