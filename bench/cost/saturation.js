import { LATER, NOW } from "../support/due.js";
import { withProducer, withWorkers } from "../support/fleet.js";
import { sumCalls } from "../support/sum-calls.js";

/** What adding in bulk costs: calls that the producer sends. */
export const addBulkCalls = {
  name: "add-bulk-calls",
  isSteady: true,
  async run({ engine, redis, scale }) {
    const count = scale.costTasks;
    return await withProducer({ engine, redis }, async (producer) => {
      await producer.ask("startCounting");
      await producer.ask("load", { count, due: LATER });
      const { total, perUnit } = sumCalls([await producer.ask("callsCounted")]);
      return { "add-bulk-calls": total / count, remark: perUnit(count) };
    });
  },
};

/**
 * What running costs when there is always more to do: calls of the worker and its scheduler, commands that Redis executes
 * (those within scripts too), and processor time of Redis; by task.
 */
export const processCalls = {
  name: "process-calls",
  isSteady: true,
  async run({ engine, redis, scale }) {
    const count = scale.costTasks;
    await withProducer({ engine, redis }, (producer) => producer.ask("load", { count, due: NOW }));
    const before = await redis.effort();
    return await withWorkers({ engine, redis, isCounting: true }, async (workers) => {
      await workers.untilCompleted(count);
      const after = await redis.effort();
      const { total, perUnit } = sumCalls(await workers.askAll("callsCounted"));
      return {
        "process-calls": total / count,
        "process-commands": (after.commands - before.commands) / count,
        "process-redis-time": (after.cpuUs - before.cpuUs) / count,
        remark: perUnit(count),
      };
    });
  },
};
