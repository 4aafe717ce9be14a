import { faketimeEnv, findFaketime } from "../faketime.js";
import { AFTER_SENTINEL_KILL_MS } from "../limits.js";
import { SentinelRedis } from "../sentinel-redis.js";
import { bothWays } from "./both-ways.js";
import { newMasters } from "./evidence.js";
import { sentinelSetting } from "./settings.js";

const HOUR_MS = 3_600_000;

/**
 * The master dies, and the clock of the replica that takes its place is an hour ahead: what was due within the hour runs at
 * once, which is counted as early, and all leases are over. What is added from then on runs in time.
 */
export const failoverClock = bothWays({
  name: "failover-clock",
  topology: SentinelRedis,
  async setting(form) {
    const { LD_PRELOAD: library, ...clock } = faketimeEnv(await findFaketime(), HOUR_MS);
    // jemalloc asks for the time before libfaketime is ready, and libfaketime for memory: the C library's own is to serve both.
    const ahead = { ...clock, LD_PRELOAD: `${library}:libc.so.6` };
    return { ...sentinelSetting(form), envOf: (number) => (number === 0 ? {} : ahead) };
  },
  aheadMs: HOUR_MS,
  strikes: 1,
  firstStartMaxMs: () => AFTER_SENTINEL_KILL_MS,
  async unavailable() {
    return (await findFaketime()) === undefined
      ? "libfaketime was not found here, and could not be fetched"
      : undefined;
  },
  async strike(run) {
    const { topology, fleet } = run;
    const { set } = topology;
    const master = await set.master();
    const changed = await newMasters(topology);
    // Whatever ran as all leases ended was not noticed by those who ran it.
    await run.fault({ kind: "failover", blinds: fleet.of("worker") }, async (fault) => {
      await master.kill();
      run.fellBack(fault);
      const after = await set.failedOver(master);
      const [seconds] = await after.call("TIME");
      const isAhead = Number(seconds) * 1000 - Date.now() > HOUR_MS / 2;
      return isAhead ? changed() : 0;
    });
  },
});
