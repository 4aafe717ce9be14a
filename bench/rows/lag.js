import { warmUp, withProducer, withWorkers } from "../support/fleet.js";
import { loadAhead } from "../support/load-ahead.js";
import { lagSummary } from "../support/statistics.js";

const HZ_DEFAULT = 10;

/**
 * How late handlers start when so many tasks a second fall due, at random instants of a window. All are added before it
 * begins, and the worker is there before them.
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
      const lengthMs = scale.lagSeconds * 1000;
      const count = dueEachSecond * scale.lagSeconds;
      try {
        const lags = await lagsOf({ engine, redis, scale, count, lengthMs, workers });
        return Object.fromEntries(
          Object.entries(lagSummary(lags)).map(([word, ms]) => [`${name} ${word}`, ms]),
        );
      } finally {
        await redis.set("hz", HZ_DEFAULT);
      }
    },
  };
}

/** How late each task of such a window started, in ms. */
async function lagsOf({ engine, redis, scale, count, lengthMs, workers: processes }) {
  return await withWorkers({ engine, redis, count: processes }, async (workers) => {
    const warm = await warmUp(workers, { engine, redis, scale });
    const startAtMs = await withProducer({ engine, redis }, (producer) =>
      loadAhead(producer, { count, lengthMs }),
    );
    await workers.untilCompleted(warm + count);
    return await workers.lagsSince(startAtMs);
  });
}
