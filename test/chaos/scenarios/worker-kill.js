/** A worker dies with its tasks; they run elsewhere when their leases have ended. */
export const workerKill = {
  name: "worker-kill",
  promised: "none lost",
  firstStartMaxMs: (leaseMs) => leaseMs + 1000,
  async strike(run) {
    const { fleet, random, leaseMs } = run;
    const victim = await run.holder();
    await run.fault("worker", [victim], async () => await run.kill(victim));
    await run.sleep(leaseMs * random.between(0.2, 1.2));
    await fleet.start("worker");
  },
};
