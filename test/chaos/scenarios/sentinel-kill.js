import { AFTER_SENTINEL_KILL_MS } from "../limits.js";
import { SentinelRedis } from "../sentinel-redis.js";
import { bothWays } from "./both-ways.js";
import { newMasters } from "./evidence.js";
import { sentinelSetting } from "./settings.js";

/** The master dies, and the Sentinels make a replica the master; the dead one comes back as its replica. */
export const sentinelKill = bothWays(
  {
    name: "sentinel-kill",
    topology: SentinelRedis,
    setting: sentinelSetting,
    firstStartMaxMs: () => AFTER_SENTINEL_KILL_MS,
    async strike(run) {
      const { topology, fleet } = run;
      const { set } = topology;
      const master = await set.master();
      const changed = await newMasters(topology);
      await run.fault({ kind: "failover", blinds: fleet.of("worker") }, async (fault) => {
        await master.kill();
        run.fellBack(fault);
        await set.failedOver(master);
        return changed();
      });
      // While one of them still names the dead one, some would be sent there as soon as it is back, and write in vain.
      await set.agreed();
      await master.start();
      await set.inSync(set.nodes.length - 1);
    },
  },
  { isAsyncQuick: true },
);
