import { join } from "node:path";
import { waitUntil } from "../../../dist/dev/wait-until.js";
import { monotonicMs } from "../event-log.js";
import { findFaketime, serverClockEnv, setClock, whyNoFaketime } from "../faketime.js";
import { AFTER_SENTINEL_KILL_MS } from "../limits.js";
import { SentinelRedis } from "../sentinel-redis.js";
import { bothWays } from "./both-ways.js";
import { newMasters } from "./evidence.js";
import { sentinelSetting } from "./settings.js";

const HOUR_MS = 3_600_000;
const SET_TIMEOUT_MS = 10_000;

/**
 * The master dies, and the clock of the replica that takes its place is an hour ahead: what was due within the hour runs at
 * once, which is counted as early, and all leases are over. What is added from then on runs in time.
 */
export const failoverClock = bothWays({
  name: "failover-clock",
  ...offBy(HOUR_MS),
  async strike(run) {
    await failOver(run, "forward");
  },
});

/**
 * The same with a clock that is an hour behind: what was due already waits for the hour to pass. What is added from then on
 * runs in time. When the load is over the clock is set right, and what had waited runs.
 */
export const failoverClockBehind = bothWays({
  name: "failover-clock-behind",
  ...offBy(-HOUR_MS),
  async strike(run) {
    run.fallenBack = await failOver(run, "back");
  },
  async heal(run) {
    // What was added in time has run; all leases that are held end with the jump.
    await run.sleep(run.form.laterMaxMs);
    await run.idle();
    const master = await run.topology.set.master();
    await run.fault({ kind: "clock", clock: "forward" }, async () => {
      setClock(clockFile(run.folder), 0);
      const isRight = async () => Math.abs(await offOf(master)) < HOUR_MS / 2;
      await waitUntil("the clock to be right", SET_TIMEOUT_MS, isRight);
      return (events, { startT }) => waited(events, startT + run.epochMs);
    });
    run.fallenBack.rightT = monotonicMs();
  },
});

/** What the two have in common. */
function offBy(clockOffMs) {
  return {
    topology: SentinelRedis,
    async setting(form, folder) {
      const file = clockFile(folder);
      setClock(file, clockOffMs);
      const off = serverClockEnv(await findFaketime(), file);
      return { ...sentinelSetting(form), envOf: (number) => (number === 0 ? {} : off) };
    },
    clockOffMs,
    strikes: 1,
    firstStartMaxMs: () => AFTER_SENTINEL_KILL_MS,
    unavailable: whyNoFaketime,
  };
}

const clockFile = (folder) => join(folder, "clock");

async function failOver(run, clock) {
  const { topology, fleet, scenario } = run;
  const { set } = topology;
  const master = await set.master();
  const changed = await newMasters(topology);
  // Whatever ran as all leases ended was not noticed by those who ran it.
  return await run.fault({ kind: "failover", clock, blinds: fleet.of("worker") }, async (fault) => {
    await master.kill();
    run.fellBack(fault);
    const after = await set.failedOver(master);
    const isOff = (await offOf(after)) / scenario.clockOffMs > 0.5;
    return isOff ? changed() : 0;
  });
}

/** How many tasks had been due for a second before an instant, and have begun since. */
function waited(events, atMs) {
  const isOverdue = ({ event, nowMs, dueAtMs }) => event === "start" && nowMs > atMs && dueAtMs < atMs - 1000;
  return events.filter(isOverdue).length;
}

/** By how much a server's clock is off. */
async function offOf(node) {
  const [seconds] = await node.call("TIME");
  return Number(seconds) * 1000 - Date.now();
}
