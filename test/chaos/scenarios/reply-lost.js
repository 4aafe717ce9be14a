/** Again and again a command is executed and its answer lost: claims, settles and adds are sent twice. */
export const replyLost = {
  name: "reply-lost",
  promised: "none lost",
  isProxied: true,
  /** No lease may end here by itself, so that one that was given to nobody shows. */
  leaseMs: ({ leaseMs }) => Math.max(leaseMs, 3000),
  hasBitten: ({ topology }) => [...topology.proxies.values()].reduce((sum, { cut }) => sum + cut, 0) > 10,
  async strike(run) {
    const { fleet, random, topology } = run;
    await run.fault("network", [], async () => {
      for (let cuts = 0; cuts < 20; cuts++) {
        const victims = [...fleet.of("worker"), ...fleet.of("producer"), ...fleet.of("scheduler")];
        for (const { name } of victims) {
          const proxy = topology.proxies.get(name);
          proxy.delayMs = random.chance(0.3) ? random.int(1, 20) : 0;
          if (random.chance(0.7)) proxy.cutReplies();
        }
        await run.sleep(random.between(60, 200));
      }
      for (const proxy of topology.proxies.values()) proxy.delayMs = 0;
    });
  },
};
