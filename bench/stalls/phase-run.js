import { Workers } from "../support/fleet.js";
import { RoleProcess } from "../support/role-process.js";
import { ScriptTimes } from "./script-times.js";

const ENGINE = "delayq";

/** Runs one phase, with the processes that it asks for, and times the scripts meanwhile. */
export async function runPhase(phase, { redis, ...amounts }) {
  const started = [];
  const role = async (kind, queue) => {
    const process = new RoleProcess(kind);
    started.push({ stop: () => process.stop(), counted: async () => [await process.ask("callsCounted")] });
    await process.ask("startCounting");
    await process.ask("open", { engine: ENGINE, url: redis.url, queue });
    return process;
  };
  const workers = async (queue, options) => {
    const all = await Workers.start({ engine: ENGINE, redis, queues: [queue], isCounting: true, ...options });
    started.push({ stop: () => all.stop(), counted: () => all.askAll("callsCounted") });
    return all;
  };
  const times = new ScriptTimes(redis);
  const preemptionsBefore = await redis.preemptions();
  await times.start();
  try {
    const lags = await phase.run({
      producer: (queue) => role("producer", queue),
      inspector: (queue) => role("inspector", queue),
      workers,
      ...amounts,
    });
    const counted = (await Promise.all(started.map(async (one) => await one.counted()))).flat();
    const preemptions = (await redis.preemptions()) - preemptionsBefore;
    return { phase: phase.name, lags: lags ?? {}, preemptions, ...(await times.stop(counted)) };
  } finally {
    await Promise.all(started.map(async ({ stop }) => await stop()));
  }
}
