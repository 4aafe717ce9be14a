import { afterWorker } from "../limits.js";
import { CUT_OFF } from "./codes.js";
import { leasesLost } from "./evidence.js";

/** A worker is frozen past its leases, while others run its tasks, and goes on as if nothing had been. */
export const workerStop = {
  name: "worker-stop",
  promised: "none lost",
  touches: ["workers"],
  codes: CUT_OFF,
  firstStartMaxMs: afterWorker,
  async strike(run, random) {
    const victim = await run.holder();
    const what = { name: "worker-stop", kind: "worker", victims: [victim], blinds: [victim] };
    await run.fault(what, async () => {
      victim.signal("SIGSTOP");
      await run.sleep(run.leaseMs + random.between(400, 900));
      victim.signal("SIGCONT");
      return leasesLost;
    });
  },
};
