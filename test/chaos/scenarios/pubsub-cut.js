const SLOW_POLL_MS = 1500;

/** From some moment on no message of a channel arrives, for good, and nobody is told; all work is found by looking. */
export const pubsubCut = {
  name: "pubsub-cut",
  promised: "none lost",
  touches: ["network"],
  isProxied: true,
  slowPollMs: SLOW_POLL_MS,
  /** The scheduler looks, and then a worker. */
  lagMaxMs: 2 * SLOW_POLL_MS + 1000,
  async strike(run) {
    const { topology } = run;
    const muted = () => [...topology.proxies.values()].reduce((sum, proxy) => sum + proxy.muted, 0);
    const before = muted();
    for (const proxy of topology.proxies.values()) proxy.isMute = true;
    await run.fault({ name: "pubsub-cut", kind: "network" }, async () => {
      await run.sleep(1000);
      return () => muted() - before;
    });
  },
};
