import { NOW } from "../support/due.js";
import { withProducer, withWorkers } from "../support/fleet.js";
import { ratePerSecond } from "../support/statistics.js";

/**
 * Tasks that wait ready, then workers that are started: from the moment that the first so many are completed, as warm-up, to
 * the confirmed completion of the last.
 */
export const process = {
  name: "process",
  hasFloor: false,
  usesWorkers: true,
  /** @param open more for whoever opens the workers */
  async run({ engine, redis, scale, workers: count = 1, open = {} }) {
    const warmUp = scale.warmUp[engine];
    const total = warmUp + scale.process[engine];
    await withProducer({ engine, redis }, (producer) => producer.ask("load", { count: total, due: NOW }));
    return await withWorkers({ engine, redis, count, ...open }, async (workers) => {
      await workers.untilCompleted(total);
      const { startedAt, completedAt } = await workers.samples();
      if (startedAt.length !== total) throw new Error(`${startedAt.length} starts of ${total} tasks`);
      return {
        process: ratePerSecond(completedAt, warmUp),
        remark: `handlers started a second, warm-up and all: ${Math.round(ratePerSecond(startedAt))}`,
      };
    });
  },
};
