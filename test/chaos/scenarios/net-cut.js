/** Nothing passes between a worker and Redis, past its leases; no connection is closed. */
export const netCut = {
  name: "net-cut",
  promised: "none lost",
  isProxied: true,
  firstStartMaxMs: (leaseMs) => leaseMs + 1000,
  async strike(run) {
    const { random, topology, leaseMs } = run;
    const victim = await run.holder();
    const proxy = topology.proxies.get(victim.name);
    run.blinded++;
    await run.fault("worker", [victim], async () => {
      proxy.isBlackHole = true;
      await run.sleep(leaseMs + random.between(500, 1500));
      proxy.isBlackHole = false;
    });
  },
};
