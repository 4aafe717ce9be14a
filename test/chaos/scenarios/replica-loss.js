import { SentinelRedis } from "../sentinel-redis.js";
import { bothWays } from "./both-ways.js";
import { completed, confirmedLater } from "./evidence.js";
import { steadySentinels } from "./settings.js";

const GONE_MS = { full: 10_000, short: 2500 };

/**
 * All replicas die and come back. Work goes on. Who asked for replicas is told in time that there are none, tries again
 * with the same id, and has his answer when they are back.
 */
export const replicaLoss = bothWays({
  name: "replica-loss",
  codes: [],
  topology: SentinelRedis,
  setting: steadySentinels,
  async strike(run) {
    const { topology, form, scenario } = run;
    const { set } = topology;
    const isConfirmed = scenario.durability !== undefined;
    const replicas = await set.replicas();
    const fault = await run.fault({ kind: "replicas", isHarmless: true }, async () => {
      await Promise.all(replicas.map((node) => node.kill()));
      await run.sleep(form.isShort ? GONE_MS.short : GONE_MS.full);
      return isConfirmed ? confirmedLater : completed;
    });
    await Promise.all(replicas.map((node) => node.start()));
    await set.inSync(replicas.length);
    return fault;
  },
});
