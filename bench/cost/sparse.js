import { setTimeout as sleep } from "node:timers/promises";
import { NOW } from "../support/due.js";
import { withProducer, withWorkers } from "../support/fleet.js";
import { sumCalls } from "../support/sum-calls.js";

const RATE_PER_SECOND = 10;
const PROCESSES_MAX = 8;
const DUE = { kind: "spread", fromMs: 200, toMs: 1800 };

/**
 * What one task costs, from add to settle, when there are few and many workers wait for them: all calls of the producer, the
 * workers and their schedulers. More workers than eight are instances in one process.
 */
export function sparse(workers) {
  const name = `sparse-${workers}-calls`;
  return {
    name,
    isSteady: true,
    async run({ engine, redis, scale }) {
      const count = RATE_PER_SECOND * scale.sparseSeconds;
      const isOneProcess = workers > PROCESSES_MAX;
      const fleet = {
        count: isOneProcess ? 1 : workers,
        queues: Array.from({ length: isOneProcess ? workers : 1 }, () => "bench"),
      };
      return await withProducer({ engine, redis }, async (producer) => {
        await producer.ask("load", { count: 1, due: NOW }); // makes the queue
        return await withWorkers({ engine, redis, isCounting: true, ...fleet }, async (all) => {
          await all.untilCompleted(1);
          await sleep(scale.sparseSettleMs);
          await Promise.all([all.askAll("startCounting"), producer.ask("startCounting")]);
          await producer.ask("trickle", { ratePerSecond: RATE_PER_SECOND, count, due: DUE });
          await all.untilCompleted(1 + count);
          const counted = [await producer.ask("callsCounted"), ...(await all.askAll("callsCounted"))];
          const { total, perUnit } = sumCalls(counted);
          return { [name]: total / count, remark: perUnit(count) };
        });
      });
    },
  };
}
