import { warmUp, withProducer, withWorkers } from "../support/fleet.js";
import { loadFlow } from "../support/load-ahead.js";
import { lagSummary } from "../support/statistics.js";

const HZ_DEFAULT = 10;

/**
 * How late handlers start when so many tasks a second fall due, at random instants. All are added before the first is due, and
 * the worker is there before them. Those of the lead-in are told apart.
 *
 * @param hz how often Redis looks after its clients' time-outs; its default is 10
 */
export function lag(dueEachSecond, hz = HZ_DEFAULT) {
  const name = `lag-${dueEachSecond}${hz === HZ_DEFAULT ? "" : `-hz${hz}`}`;
  return {
    name,
    hasFloor: false,
    usesWorkers: true,
    async run({ engine, redis, scale, workers = 1 }) {
      await redis.set("hz", hz);
      const flow = { dueEachSecond, seconds: scale.lagSeconds };
      try {
        const { leadIn, steady } = await lagsOf({ engine, redis, scale, flow, workers });
        const words = Object.entries({ ...lagSummary(steady), "lead-in p99": lagSummary(leadIn).p99 });
        return Object.fromEntries(words.map(([word, ms]) => [`${name} ${word}`, ms]));
      } finally {
        await redis.set("hz", HZ_DEFAULT);
      }
    },
  };
}

/** How late each task of such a flow started, in ms. */
async function lagsOf({ engine, redis, scale, flow, workers: processes }) {
  return await withWorkers({ engine, redis, count: processes }, async (workers) => {
    const warm = await warmUp(workers, { engine, redis, scale });
    const { count, beginsAtMs, fromMs } = await withProducer({ engine, redis }, (producer) =>
      loadFlow(producer, flow),
    );
    await workers.untilCompleted(warm + count);
    return {
      leadIn: await workers.lagsOfDue(beginsAtMs, fromMs),
      steady: await workers.lagsOfDue(fromMs),
    };
  });
}
