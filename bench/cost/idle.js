import { setTimeout as sleep } from "node:timers/promises";
import { NOW } from "../support/due.js";
import { withProducer, withWorkers } from "../support/fleet.js";
import { RoleProcess } from "../support/role-process.js";
import { sumCalls } from "../support/sum-calls.js";

/** Calls a second, and the share of a processor, of one process with a worker for each of so many queues that have no tasks. */
export function idle(queueCount) {
  const name = `idle-${queueCount}`;
  return {
    name: `${name}-calls`,
    isSteady: true,
    async run({ engine, redis, scale }) {
      const queues = Array.from({ length: queueCount }, (_, i) => `${name}-${i}`);
      await makeQueues({ engine, redis, queues });
      return await withWorkers({ engine, redis, queues, isCounting: true }, async (workers) => {
        await workers.untilCompleted(queues.length);
        const { perSecond, cpuPercent, remark } = await watch(scale, (task) => workers.askAll(task));
        return { [`${name}-calls`]: perSecond, [`${name}-cpu`]: cpuPercent, remark };
      });
    },
  };
}

/**
 * Calls a second of one idle queue with a worker and four schedulers, of which two are active and two stand by; and how many
 * of those calls the second two add. The worker's process has one scheduler, each of the others is a process of its own.
 */
export const standby = {
  name: "idle-1-standby-calls",
  isSteady: true,
  engines: ["delayq"],
  async run({ engine, redis, scale }) {
    const queues = ["standby"];
    await makeQueues({ engine, redis, queues });
    return await withWorkers({ engine, redis, queues, isCounting: true }, async (workers) => {
      await workers.untilCompleted(1);
      const schedulers = [];
      const start = async () => {
        const role = new RoleProcess("scheduler");
        schedulers.push(role);
        await role.ask("open", { engine, url: redis.url, queues });
      };
      const askAll = async (task) => [
        ...(await workers.askAll(task)),
        ...(await Promise.all(schedulers.map(async (role) => await role.ask(task)))),
      ];
      try {
        await start();
        const pair = await watch(scale, askAll);
        for (let added = 0; added < 2; added++) await start();
        const { perSecond, remark } = await watch(scale, askAll);
        return {
          "idle-1-standby-calls": perSecond,
          "idle-1-standby-added": perSecond - pair.perSecond,
          remark,
        };
      } finally {
        await Promise.all(schedulers.map(async (role) => await role.stop()));
      }
    });
  },
};

/** A queue exists once it has had a task. */
async function makeQueues({ engine, redis, queues }) {
  await withProducer({ engine, redis, queue: queues[0] }, async (producer) => {
    for (const queue of queues) {
      await producer.ask("open", { engine, url: redis.url, queue });
      await producer.ask("load", { count: 1, due: NOW });
    }
  });
}

/** Looks on for a while, once the processes have come to rest. */
async function watch({ idleSettleMs, idleMs }, askAll) {
  await sleep(idleSettleMs);
  const cpuBefore = await askAll("cpuMs");
  await askAll("startCounting");
  await sleep(idleMs);
  const { total, perUnit } = sumCalls(await askAll("callsCounted"));
  const cpuAfter = await askAll("cpuMs");
  const cpuMs = cpuAfter.reduce((sum, ms, i) => sum + ms - cpuBefore[i], 0);
  const seconds = idleMs / 1000;
  return {
    perSecond: total / seconds,
    cpuPercent: (100 * cpuMs) / idleMs,
    remark: `a second: ${perUnit(seconds)}`,
  };
}
