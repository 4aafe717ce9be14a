import { ClusterRedis } from "../cluster-redis.js";
import { AFTER_CLUSTER_STOP_MS } from "../limits.js";
import { bothWays } from "./both-ways.js";
import { newMasters } from "./evidence.js";
import { clusterSetting } from "./settings.js";

/** Longer than any connection to a server that does not answer is kept. */
const LATE_MS = 5000;

/** A master is frozen until its replica has its slots, or for longer; when it goes on it still takes itself for the master. */
export const clusterStop = bothWays(
  {
    name: "cluster-stop",
    topology: ClusterRedis,
    setting: clusterSetting,
    firstStartMaxMs: () => AFTER_CLUSTER_STOP_MS,
    async strike(run, random) {
      const { topology, fleet, form } = run;
      const { cluster } = topology;
      const { master, slot, shards } = await run.shardMaster(random);
      const changed = await newMasters(topology);
      const isLate = !form.isShort && run.faults.length % 2 === 0;
      const fault = await run.fault(
        { kind: "failover", livesOn: true, shards, blinds: fleet.of("worker") },
        async () => {
          await master.freeze();
          await cluster.failedOver(slot, master);
          return changed();
        },
      );
      await run.sleep(isLate ? LATE_MS : 0);
      await master.thaw();
      await cluster.settled();
      await cluster.inSync();
      run.fellBack(fault);
    },
  },
  { isAsyncQuick: true },
);
