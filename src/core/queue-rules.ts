import { failure, ok, warning, type Finding, type QueueFacts, type Verdict } from "./doctor-facts.ts";
import { shardAdvice } from "./shard-advice.ts";
import { counted, shortDuration } from "./wording.ts";

/** What a doctor thinks of a queue. Pure: facts in, findings out. */
const LATE_WARNING_MS = 5000;
const LATE_FAILURE_MS = 60_000;
/** Expired leases are taken back within a moment of their deadline. */
const REAP_WARNING_MS = 5000;
const REAP_FAILURE_MS = 60_000;
const DIED_MAX = 10;
const HEAD_MAX = 10_000;

const RULES: Readonly<Record<string, (queue: QueueFacts) => Verdict | undefined>> = {
  paused,
  schedulers,
  workers,
  "oldest-due": oldestDue,
  "expired-leases": expiredLeases,
  dead,
  "large-shards": largeShards,
  "busiest-second": busiestSecond,
};

export function judgeQueue(queue: QueueFacts): Finding[] {
  return Object.entries(RULES).flatMap(([check, rule]) => {
    const verdict = rule(queue);
    return verdict === undefined ? [] : [{ check, about: `queue ${queue.queue}`, ...verdict }];
  });
}

type Counted =
  | "delayed"
  | "ready"
  | "leased"
  | "dead"
  | "done"
  | "expiredLeases"
  | "diedLately"
  | "diedBefore";

const sum = ({ shards }: QueueFacts, field: Counted): number =>
  shards.reduce((total, shard) => total + shard[field], 0);

function paused(queue: QueueFacts): Verdict | undefined {
  if (!queue.isPaused) return undefined;
  return warning(
    `paused, with ${counted(sum(queue, "ready"), "task")} ready`,
    "No task of it is handed out.",
    `delayq queue resume ${queue.queue}`,
  );
}

function schedulers(queue: QueueFacts): Verdict {
  const live = new Set(queue.schedulers);
  const alone = queue.shards.filter(({ owner }) => !live.has(owner));
  if (alone.length === 0) {
    return ok(
      `${counted(live.size, "scheduler")} alive, each of ${counted(queue.shards.length, "shard")} has one`,
    );
  }
  const atRisk = alone.some(({ delayed, ready, leased, done }) => delayed + ready + leased + done > 0);
  const which = alone.length === queue.shards.length ? "no shard has" : `${shardsNamed(alone)} without`;
  return (atRisk ? failure : warning)(
    `${which} a live scheduler (${live.size} alive)`,
    "Due tasks are then found by polling, late; tasks of workers that died are not taken up again, and kept results are not forgotten.",
    `Start one: delayq scheduler --queue ${queue.queue}, or a worker, which brings one. Just after one died this lasts a few seconds.`,
  );
}

function workers(queue: QueueFacts): Verdict {
  const ready = sum(queue, "ready");
  const text = `${counted(queue.workers, "worker")} alive, ${counted(ready, "task")} ready`;
  if (queue.workers > 0 || ready + sum(queue, "delayed") === 0) return ok(text);
  if (ready === 0 || queue.isPaused) {
    return warning(
      text,
      "When the next task is due, nobody will run it.",
      `Start one: delayq worker --queue ${queue.queue} --handler FILE`,
    );
  }
  return failure(
    text,
    "Due tasks wait, and nobody runs them.",
    `Start one: delayq worker --queue ${queue.queue} --handler FILE`,
  );
}

function oldestDue(queue: QueueFacts): Verdict {
  const due = queue.shards.map(({ oldestDueMs }) => oldestDueMs).filter((ms) => ms !== undefined);
  if (due.length === 0) return ok("no task is overdue");
  const lateMs = Math.max(0, queue.nowMs - Math.min(...due));
  const text = `the oldest task that is due waits for ${shortDuration(lateMs)} (${counted(sum(queue, "ready"), "task")} ready)`;
  if (lateMs < LATE_WARNING_MS || queue.isPaused) return ok(text);
  return (lateMs < LATE_FAILURE_MS ? warning : failure)(
    text,
    "Tasks start that much too late.",
    "Start more workers or raise their concurrency; see with delayq top whether they keep up, and look for handlers that take long.",
  );
}

function expiredLeases(queue: QueueFacts): Verdict {
  const expired = sum(queue, "expiredLeases");
  const deadlines = queue.shards
    .map(({ firstDeadlineMs }) => firstDeadlineMs)
    .filter((ms) => ms !== undefined);
  const overMs = deadlines.length === 0 ? 0 : queue.nowMs - Math.min(...deadlines);
  if (expired === 0 || overMs < REAP_WARNING_MS)
    return ok(`none of ${counted(sum(queue, "leased"), "lease")} is past its deadline`);
  return (overMs < REAP_FAILURE_MS ? warning : failure)(
    `${counted(expired, "lease")} past the deadline, the oldest by ${shortDuration(overMs)}`,
    "Their workers died or hang, and no scheduler takes the tasks back: they do not run again.",
    "See that a scheduler is alive (above) and that Redis answers it: its log tells.",
  );
}

function dead(queue: QueueFacts): Verdict {
  const all = sum(queue, "dead");
  const [lately, before] = [sum(queue, "diedLately"), sum(queue, "diedBefore")];
  const text = `${counted(all, "dead task")}, ${lately.toLocaleString("en-US")} of the last hour, ${before.toLocaleString("en-US")} of the hour before`;
  if (lately <= DIED_MAX || lately <= before / 2) return ok(text);
  return warning(
    text,
    "These tasks failed for good, and none of them runs again by itself.",
    `Look why: delayq dead ls ${queue.queue}. When the cause is mended: delayq dead requeue ${queue.queue} --all`,
  );
}

function largeShards(queue: QueueFacts): Verdict {
  const sizes = queue.shards.map(
    ({ delayed, ready, leased, dead, done }) => delayed + ready + leased + dead + done,
  );
  const text = `the largest of ${counted(sizes.length, "shard")} holds ${counted(Math.max(0, ...sizes), "task")}`;
  const advice = queue.isCluster ? shardAdvice(queue.queue, sizes) : undefined;
  if (advice === undefined) return ok(text);
  const [why = "", fix = ""] = advice.split(/(?<=s\. )/);
  return warning(text, why.trim(), fix.trim());
}

function busiestSecond({ busiestSecond: busiest, queue }: QueueFacts): Verdict {
  if (busiest === undefined) return ok("nothing falls due in the next 24 hours");
  const text = `at most ${counted(busiest.tasks, "task")} within one second of the next 24 hours, at ${new Date(busiest.atMs).toISOString()}`;
  if (busiest.tasks <= HEAD_MAX) return ok(text);
  return warning(
    text,
    "What falls due at once cannot all start at once: the last of them start as late as the workers need for them all.",
    `Spread them over some minutes if they can be; else see that there are workers enough by then. delayq timeline ${queue} --by minute shows them.`,
  );
}

const NAMED_MAX = 10;

function shardsNamed(shards: readonly { shard: number }[]): string {
  const named = shards.slice(0, NAMED_MAX).map(({ shard }) => shard);
  const more = shards.length > NAMED_MAX ? ` and ${shards.length - NAMED_MAX} more` : "";
  return `shard${shards.length === 1 ? "" : "s"} ${named.join(", ")}${more}`;
}
