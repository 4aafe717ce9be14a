import { AFTER_SCHEDULER_MS, LAG_WITHOUT_SCHEDULER_MS } from "../limits.js";
import { CUT_OFF } from "./codes.js";

/** A scheduler is frozen until another has its shards; when it goes on, two think that they own them. */
export const schedulerStop = {
  name: "scheduler-stop",
  promised: "none lost",
  touches: ["schedulers"],
  codes: CUT_OFF,
  firstStartMaxMs: () => AFTER_SCHEDULER_MS,
  faultLagP99MaxMs: LAG_WITHOUT_SCHEDULER_MS,
  async strike(run, random) {
    const { role: victim, owned } = await run.owner(random);
    const before = await run.owners();
    await run.fault(
      { name: "scheduler-stop", kind: "scheduler", victims: [victim], least: owned.length },
      async () => {
        victim.signal("SIGSTOP");
        await run.sleep(random.between(4000, 5000));
        const struck = await run.handedOver(owned, before);
        victim.signal("SIGCONT");
        return struck;
      },
    );
  },
};
