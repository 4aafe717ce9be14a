/** A worker is frozen past its leases, while others run its tasks, and goes on as if nothing had been. */
export const workerStop = {
  name: "worker-stop",
  promised: "none lost",
  firstStartMaxMs: (leaseMs) => leaseMs + 1000,
  async strike(run) {
    const { random, leaseMs } = run;
    const victim = await run.holder();
    await run.fault("worker", [victim], async () => {
      victim.signal("SIGSTOP");
      await run.sleep(leaseMs + random.between(400, 900));
      victim.signal("SIGCONT");
    });
  },
};
