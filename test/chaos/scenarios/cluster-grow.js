import { ClusterRedis } from "../cluster-redis.js";
import { bothWays } from "./both-ways.js";
import { steadyCluster } from "./settings.js";

/** In the short form only some of the slots that are empty move. */
const EMPTY_MAX = { full: Infinity, short: 300 };

/** A master joins, with a replica, and is given its share of the slots of the others, with what is in them. */
export const clusterGrow = bothWays(
  {
    name: "cluster-grow",
    isLong: true,
    codes: [],
    topology: ClusterRedis,
    setting: steadyCluster,
    strikes: 1,
    async strike(run) {
      const { topology, form } = run;
      const { cluster } = topology;
      const ofShards = new Set(run.slots());
      await run.fault({ kind: "slots", isHarmless: true }, async () => {
        const old = await cluster.masters();
        const added = await cluster.grow();
        const emptyMax = (form.isShort ? EMPTY_MAX.short : EMPTY_MAX.full) / old.length;
        let shards = 0;
        for (const master of old) {
          const slots = await cluster.slotsOf(master);
          const share = slots.slice(0, Math.round(slots.length / (old.length + 1)));
          const busy = share.filter((slot) => ofShards.has(slot));
          shards += busy.length;
          await cluster.migrate(
            [...busy, ...share.filter((slot) => !ofShards.has(slot)).slice(0, emptyMax)],
            added,
          );
        }
        await cluster.settled();
        return async () => (shards === 0 ? 0 : await scriptsRunBy(added));
      });
    },
  },
  { areReplicasLost: false },
);

async function scriptsRunBy(node) {
  const calls = (await node.info("commandstats")).get("cmdstat_evalsha") ?? "calls=0";
  return Number(/calls=(\d+)/.exec(calls)[1]);
}
