import { withProducer, withWorkers } from "../support/fleet.js";
import { LATER, NOW } from "../support/due.js";
import { loadFlow } from "../support/load-ahead.js";
import { lagSummary, median, ratePerSecond } from "../support/statistics.js";

const ENGINE = "delayq";
const TIMED_MAX = 200_000;
const TIMED_SHARE = 0.4;
const DUE_EACH_SECOND = 1000;

/**
 * Brings the queue to so many pending tasks, and measures there. The last part of the way is the adding that is timed, by a
 * producer that is warm by then.
 *
 * @param level.from how many are pending already
 * @returns the figures of the level
 */
export async function measureLevel({ redis, shards, from, pending, emptyBytes, scale }) {
  const timed = Math.min(TIMED_MAX, Math.floor((pending - from) * TIMED_SHARE));
  const adding = await withProducer({ engine: ENGINE, redis, shards }, async (producer) => {
    await producer.ask("load", { count: pending - from - timed, due: LATER });
    return await timedEffort(redis, timed, () => producer.ask("timedLoad", { count: timed, due: LATER }));
  });
  const bytes = ((await redis.usedMemory()) - emptyBytes) / pending;
  return {
    shards,
    pending,
    addPerSecond: adding.result,
    addRedisUs: adding.redisUs,
    bytes,
    ...(await medians(scale.rounds, () => running({ redis, shards, scale }))),
  };
}

/** Figure by figure, over so many rounds. */
async function medians(rounds, measure) {
  const seen = [];
  for (let round = 0; round < rounds; round++) seen.push(await measure());
  const figures = Object.keys(seen[0]);
  return Object.fromEntries(figures.map((figure) => [figure, median(seen.map((one) => one[figure]))]));
}

/** A worker that works off tasks that are ready, and then, being warm, meets tasks that fall due. */
async function running({ redis, shards, scale }) {
  const warmUp = scale.warmUp.delayq;
  const ready = warmUp + scale.process.delayq;
  await withProducer({ engine: ENGINE, redis, shards }, (producer) =>
    producer.ask("load", { count: ready, due: NOW }),
  );
  return await withWorkers({ engine: ENGINE, redis }, async (workers) => {
    const processing = await timedEffort(redis, ready, () => workers.untilCompleted(ready));
    const { completedAt } = await workers.samples();
    const flow = { dueEachSecond: DUE_EACH_SECOND, seconds: scale.lagSeconds };
    const { count, fromMs } = await withProducer({ engine: ENGINE, redis, shards }, (producer) =>
      loadFlow(producer, flow),
    );
    await workers.untilCompleted(ready + count);
    const { p50, p99 } = lagSummary(await workers.lagsOfDue(fromMs));
    return {
      processPerSecond: ratePerSecond(completedAt, warmUp),
      processRedisUs: processing.redisUs,
      lagP50Ms: p50,
      lagP99Ms: p99,
    };
  });
}

/** Redis' processor time for each of so many tasks, while `work` runs. */
async function timedEffort(redis, tasks, work) {
  const before = await redis.effort();
  const result = await work();
  const after = await redis.effort();
  return { result, redisUs: (after.cpuUs - before.cpuUs) / tasks };
}
