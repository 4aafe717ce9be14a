import { AFTER_SENTINEL_KILL_MS } from "../limits.js";
import { monotonicMs } from "../event-log.js";
import { SentinelRedis } from "../sentinel-redis.js";
import { bothWays } from "./both-ways.js";
import { newMasters } from "./evidence.js";
import { sentinelSetting } from "./settings.js";

/** Longer than callers wait for replicas, so that many wait when it dies. */
const BEHIND_MS = 700;

/**
 * The master dies with what its replicas do not have: on one machine they are never behind, so they are cut off first. The
 * Sentinels make one of them the master; the dead one comes back as its replica.
 */
export const sentinelKill = bothWays(
  {
    name: "sentinel-kill",
    isLong: true,
    topology: SentinelRedis,
    setting: sentinelSetting,
    firstStartMaxMs: () => AFTER_SENTINEL_KILL_MS,
    async strike(run) {
      const { topology, fleet } = run;
      const { set } = topology;
      const master = await set.master();
      const replicas = await set.replicas();
      const changed = await newMasters(topology);
      await run.fault({ kind: "failover", blinds: fleet.of("worker") }, async (fault) => {
        // Frozen ones Sentinels would take for down, and none of them would become the master.
        const sayToMaster = async (password) =>
          await Promise.all(replicas.map((node) => node.call("CONFIG", "SET", "masterauth", password)));
        await sayToMaster("one-that-it-refuses");
        await master.call("CLIENT", "KILL", "TYPE", "replica");
        await run.sleep(BEHIND_MS);
        await master.kill();
        fault.goneT = monotonicMs();
        await sayToMaster("");
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
  { asyncLoses: true },
);
