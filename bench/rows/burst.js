import { warmUp, withProducer, withWorkers } from "../support/fleet.js";
import { loadAhead } from "../support/load-ahead.js";
import { lagSummary } from "../support/statistics.js";

const COUNT = 50_000;

/** Very many tasks that are due in the same millisecond: how long until the last of them has started. */
export const burst = {
  name: "burst",
  hasFloor: false,
  async run({ engine, redis, scale }) {
    return await withWorkers({ engine, redis }, async (workers) => {
      const warm = await warmUp(workers, { engine, redis, scale });
      const atMs = await withProducer({ engine, redis }, (producer) =>
        loadAhead(producer, { count: COUNT, lengthMs: 1 }),
      );
      await workers.untilCompleted(warm + COUNT);
      const lags = await workers.lagsOfDue(atMs);
      return { burst: lagSummary(lags).max / 1000 };
    });
  },
};
