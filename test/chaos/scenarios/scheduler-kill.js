import { AFTER_SCHEDULER_MS, LAG_WITHOUT_SCHEDULER_MS } from "../limits.js";

/** A scheduler dies; the others take its shards when its heartbeat is missed. */
export const schedulerKill = {
  name: "scheduler-kill",
  promised: "none lost",
  touches: ["schedulers"],
  firstStartMaxMs: () => AFTER_SCHEDULER_MS,
  faultLagP99MaxMs: LAG_WITHOUT_SCHEDULER_MS,
  async strike(run, random) {
    const { fleet } = run;
    const { role: victim, owned } = await run.owner(random);
    const before = await run.owners();
    await run.fault(
      { name: "scheduler-kill", kind: "scheduler", victims: [victim], least: owned.length },
      async () => {
        await run.kill(victim);
        await run.sleep(AFTER_SCHEDULER_MS);
        return await run.handedOver(owned, before);
      },
    );
    await fleet.start("scheduler");
  },
};
