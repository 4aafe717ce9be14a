import { afterWorker } from "../limits.js";
import { CUT_OFF } from "./codes.js";
import { leasesLost } from "./evidence.js";

/** Nothing passes between a worker and Redis, past its leases; no connection is closed. */
export const netCut = {
  name: "net-cut",
  promised: "none lost",
  touches: ["workers"],
  isProxied: true,
  codes: CUT_OFF,
  firstStartMaxMs: afterWorker,
  async strike(run, random) {
    const { topology, leaseMs } = run;
    const victim = await run.holder();
    const proxy = topology.proxies.get(victim.name);
    await run.fault({ name: "net-cut", kind: "worker", victims: [victim], blinds: [victim] }, async () => {
      proxy.isBlackHole = true;
      await run.sleep(leaseMs + random.between(500, 1500));
      proxy.isBlackHole = false;
      return leasesLost;
    });
  },
};
