/** From some moment on no message of a channel arrives, for good, and nobody is told; all work is found by looking. */
export const pubsubCut = {
  name: "pubsub-cut",
  promised: "none lost",
  isProxied: true,
  slowPollMs: 1500,
  hasBitten: ({ topology }) => [...topology.proxies.values()].some(({ muted }) => muted > 0),
  async strike(run) {
    for (const proxy of run.topology.proxies.values()) proxy.isMute = true;
    await run.fault("network", [], async () => await run.sleep(1000));
  },
};
