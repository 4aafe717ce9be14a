import { ClusterRedis } from "../cluster-redis.js";
import { AFTER_CLUSTER_KILL_MS } from "../limits.js";
import { bothWays } from "./both-ways.js";
import { newMasters } from "./evidence.js";
import { clusterSetting } from "./settings.js";

/** A master dies, and its replica takes its slots; it comes back as a replica. */
export const clusterKill = bothWays({
  name: "cluster-kill",
  topology: ClusterRedis,
  setting: clusterSetting,
  firstStartMaxMs: () => AFTER_CLUSTER_KILL_MS,
  async strike(run, random) {
    const { topology, fleet } = run;
    const { cluster } = topology;
    const { master, slot, shards } = await run.shardMaster(random);
    const changed = await newMasters(topology);
    await run.fault({ kind: "failover", shards, blinds: fleet.of("worker") }, async (fault) => {
      await master.kill();
      run.fellBack(fault);
      await cluster.failedOver(slot, master);
      return changed();
    });
    await master.start();
    await cluster.settled();
    await cluster.inSync();
  },
});
