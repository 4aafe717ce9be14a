import { ClusterRedis } from "../cluster-redis.js";
import { bothWays } from "./both-ways.js";
import { steadyCluster } from "./settings.js";

const ROUNDS = { full: 4, short: 1 };

/** Every shard's slot moves to another master, one after the other, while it is in use. Nothing may be lost, or be late. */
export const slotMigration = bothWays(
  {
    name: "slot-migration",
    codes: [],
    topology: ClusterRedis,
    setting: steadyCluster,
    async strike(run, random) {
      const { topology, form } = run;
      const { cluster } = topology;
      const slots = run.slots();
      const rounds = form.isShort ? ROUNDS.short : ROUNDS.full;
      const least = rounds * slots.length;
      await run.fault({ kind: "slots", isHarmless: true, least }, async () => {
        let moved = 0;
        for (let round = 0; round < rounds; round++) {
          for (const slot of slots) {
            const from = await cluster.masterOf(slot);
            const to = random.pick((await cluster.masters()).filter((node) => node !== from));
            await cluster.migrate([slot], to);
            if ((await cluster.masterOf(slot)) === to) moved++;
            await run.sleep(random.between(50, 200));
          }
        }
        return moved;
      });
    },
  },
  { areReplicasLost: false },
);
