import { afterWorker } from "../limits.js";
import { cutOff } from "./evidence.js";

/** A worker dies with its tasks; they run elsewhere when their leases have ended. */
export const workerKill = {
  name: "worker-kill",
  promised: "none lost",
  touches: ["workers"],
  firstStartMaxMs: afterWorker,
  async strike(run, random) {
    const { fleet, leaseMs } = run;
    const victim = await run.holder();
    await run.fault({ name: "worker-kill", kind: "worker", victims: [victim] }, async () => {
      await run.kill(victim);
      return cutOff;
    });
    await run.sleep(leaseMs * random.between(0.2, 1.2));
    await fleet.start("worker");
  },
};
