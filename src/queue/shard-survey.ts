import type { TaskCounts } from "../core/task.ts";
import type { Connection } from "../store/connection.ts";
import type { Namespace } from "../store/keys.ts";
import { QueueStore } from "../store/queue-store.ts";

/** A shard as whoever looks after the queue wants to see it. Times are epoch ms by the clock of Redis. */
export interface ShardSurvey extends TaskCounts {
  readonly shard: number;
  readonly paused: boolean;
  readonly counters: Readonly<Record<string, number>>;
  readonly nowMs: number;
  /** The scheduler that owns it; empty for none. */
  readonly owner: string;
  readonly epoch: string;
  /** Of the tasks that are due; the time of the oldest of them. */
  readonly oldestDueMs: number | undefined;
  /** When the next one is due that is not yet. */
  readonly nextDueMs: number | undefined;
  /** Leases whose deadline has passed. */
  readonly expired: number;
  readonly firstDeadlineMs: number | undefined;
  /** How many died in the last hour, and in the one before it. */
  readonly diedLately: number;
  readonly diedBefore: number;
}

const LATELY_MS = 3_600_000;

/** All shards of a queue; none for a queue that is not there. */
export async function surveyShards(connection: Connection, namespace: Namespace): Promise<ShardSurvey[]> {
  const store = new QueueStore(connection, namespace);
  const shards = store.shards((await store.readShards()) ?? 0);
  return await Promise.all(
    shards.map(async (keys) => {
      const [counts, survey] = await Promise.all([store.counts(keys), store.survey(keys, LATELY_MS)]);
      const { word: _, counters, ...states } = counts;
      const { word: __, ...rest } = survey;
      return { shard: keys.shard, ...states, counters: Object.fromEntries(counters), ...rest };
    }),
  );
}
