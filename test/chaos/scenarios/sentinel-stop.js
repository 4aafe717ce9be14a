import { AFTER_SENTINEL_STOP_MS } from "../limits.js";
import { SentinelRedis } from "../sentinel-redis.js";
import { bothWays } from "./both-ways.js";
import { newMasters } from "./evidence.js";
import { sentinelSetting } from "./settings.js";

/** Longer than any connection to a server that does not answer is kept. */
const LATE_MS = 5000;

/**
 * The master is frozen with its sockets open, and a replica takes its place. Then it goes on, and for a while takes itself for
 * the master: as soon as there is another, when some are still connected to it, or late, when nobody is.
 */
export const sentinelStop = bothWays({
  name: "sentinel-stop",
  topology: SentinelRedis,
  setting: sentinelSetting,
  firstStartMaxMs: () => AFTER_SENTINEL_STOP_MS,
  async strike(run) {
    const { topology, fleet, form } = run;
    const { set } = topology;
    const master = await set.master();
    const changed = await newMasters(topology);
    const isLate = !form.isShort && run.faults.length % 2 === 0;
    const fault = await run.fault(
      { kind: "failover", livesOn: true, blinds: fleet.of("worker") },
      async () => {
        await master.freeze();
        await set.failedOver(master);
        return changed();
      },
    );
    await run.sleep(isLate ? LATE_MS : 0);
    await master.thaw();
    await set.inSync(set.nodes.length - 1);
    run.fellBack(fault);
  },
});
