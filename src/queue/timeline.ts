import type { Connection } from "../store/connection.ts";
import type { Namespace } from "../store/keys.ts";
import { INSTANTS_MAX, QueueStore } from "../store/queue-store.ts";

const BUCKETS_A_CALL = INSTANTS_MAX - 1;

/** What falls due ahead, from counts: so it costs the same for ten tasks and for ten million. */
export interface Timeline {
  /** By the clock of Redis. */
  readonly nowMs: number;
  /** Due, and not yet with a worker. */
  readonly overdue: number;
  /** How many are due within each bucket; of the bucket that has begun, those that are not due yet. */
  readonly tasks: readonly number[];
  /** Due after the last bucket. */
  readonly later: number;
}

/**
 * Each shard is counted in one step as long as there are less than 100 buckets.
 *
 * @param boundsMs ascending: where the buckets begin, the first one now or before, and where the last one ends
 */
export async function readTimeline(
  connection: Connection,
  namespace: Namespace,
  boundsMs: readonly number[],
): Promise<Timeline> {
  const store = new QueueStore(connection, namespace);
  const shards = store.shards((await store.readShards()) ?? 0);
  const sum = { nowMs: 0, overdue: 0, tasks: boundsMs.slice(1).map(() => 0), later: 0 };
  const counted = shards.map(async (keys) => {
    for (let from = 0; from < sum.tasks.length; from += BUCKETS_A_CALL) {
      // Both ends of each bucket come from one call: tasks move between calls.
      const counted = await store.dueBefore(keys, boundsMs.slice(from, from + BUCKETS_A_CALL + 1));
      const { due } = counted;
      const until = counted.counts.map((count) => Math.max(count, due));
      for (let i = 1; i < until.length; i++) {
        const bucket = from + i - 1;
        sum.tasks[bucket] = (sum.tasks[bucket] ?? 0) + (until[i] ?? 0) - (until[i - 1] ?? 0);
      }
      if (from === 0) {
        sum.nowMs = Math.max(sum.nowMs, counted.nowMs);
        sum.overdue += counted.runway + due;
      }
      if (from + BUCKETS_A_CALL >= sum.tasks.length) sum.later += due + counted.later - (until.at(-1) ?? 0);
    }
  });
  await Promise.all(counted);
  return sum;
}

/** The second ahead in which most tasks fall due. */
export interface BusiestSecond {
  readonly atMs: number;
  readonly tasks: number;
}

const SECOND_MS = 1000;
const SEARCHED_MAX = 5;

/**
 * Looks for the second with the most tasks in the next 24 hours: first among the hours, then among the minutes of those
 * that hold the most, then among the seconds. A second with very many tasks makes its minute and its hour stand out, so that
 * it is found without counting all 86,400; one of few tasks may be missed.
 */
export async function findBusiestSecond(
  connection: Connection,
  namespace: Namespace,
  nowMs: number,
): Promise<BusiestSecond | undefined> {
  let found = [{ atMs: nowMs - (nowMs % (3600 * SECOND_MS)), tasks: 1 }];
  for (const [widthMs, parts] of [
    [3600 * SECOND_MS, 24],
    [60 * SECOND_MS, 60],
    [SECOND_MS, 60],
  ] as const) {
    const searched = found.map(async ({ atMs }) => {
      const bounds = Array.from({ length: parts + 1 }, (_, i) => atMs + i * widthMs);
      const { tasks } = await readTimeline(connection, namespace, bounds);
      return tasks.map((count, i) => ({ atMs: atMs + i * widthMs, tasks: count }));
    });
    found = (await Promise.all(searched))
      .flat()
      .filter(({ tasks }) => tasks > 0)
      .toSorted((a, b) => b.tasks - a.tasks)
      .slice(0, SEARCHED_MAX);
  }
  return found[0];
}
