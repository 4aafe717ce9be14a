import { waitUntil } from "../../../dist/dev/wait-until.js";
import { AFTER_SENTINEL_KILL_MS } from "../limits.js";
import { monotonicMs } from "../event-log.js";
import { SentinelRedis } from "../sentinel-redis.js";
import { TcpProxy } from "../tcp-proxy.js";
import { bothWays } from "./both-ways.js";
import { newMasters } from "./evidence.js";
import { sentinelSetting } from "./settings.js";

/** How late the replicas have what the master does, if callers wait for it: sooner than they give up. Else they have nothing of it. */
const BEHIND_MS = 300;
const BEHIND_FOR_MS = 1000;
const TOLD_TIMEOUT_MS = 5000;
/** Tasks that are lost for sure: all others may have run, since for up to two seconds after many at once producers add none. */
const FAR = 20;

/**
 * The master dies with what its replicas do not have: on one machine they are never behind, so what they are sent comes late
 * first, or not at all. The Sentinels make one of them the master; the dead one comes back as its replica.
 */
export const sentinelKill = bothWays(
  {
    name: "sentinel-kill",
    topology: SentinelRedis,
    setting: sentinelSetting,
    firstStartMaxMs: () => AFTER_SENTINEL_KILL_MS,
    async strike(run, random) {
      const { topology, fleet, scenario } = run;
      const { set } = topology;
      const master = await set.master();
      const replicas = await set.replicas();
      const changed = await newMasters(topology);
      // Frozen ones Sentinels would take for down, and none of them would become the master.
      const wire = new TcpProxy(master.port, `${random.next()}`);
      await wire.start();
      // A connection of before the last failover was closed by that: then it is told again, over another one.
      const follow = async (node) => (await node.call("REPLICAOF", "127.0.0.1", wire.port)) === "OK";
      for (const node of replicas)
        await waitUntil("a replica to follow", TOLD_TIMEOUT_MS, async () => await follow(node));
      await set.inSync(replicas.length);
      await run.fault({ kind: "failover", blinds: fleet.of("worker") }, async (fault) => {
        if (scenario.durability === undefined) wire.isBlackHole = true;
        else wire.delayMs = BEHIND_MS;
        const [producer] = fleet.of("producer");
        await Promise.all([run.sleep(BEHIND_FOR_MS), producer.addedFar(FAR, TOLD_TIMEOUT_MS)]);
        wire.stop(); // first, since nothing of it may arrive while the master dies
        await master.kill();
        fault.goneT = monotonicMs();
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
  { asyncLoses: true, isAsyncQuick: true },
);
