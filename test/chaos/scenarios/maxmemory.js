/** Redis is full: adds are refused, what was added runs all the same. */
export const maxmemory = {
  name: "maxmemory",
  promised: "none lost",
  hasBitten: (_run, events) => events.some(({ code }) => code === "DELAYQ_REDIS_FULL"),
  async strike(run) {
    const { topology } = run;
    const used = Number(/used_memory:(\d+)/.exec(await topology.admin.info("memory"))[1]);
    await run.fault("redis", [], async () => {
      await topology.admin.config("SET", "maxmemory", String(Math.round(used * 0.9)));
      await run.sleep(run.form.isShort ? 2000 : 5000);
      await topology.admin.config("SET", "maxmemory", "0");
    });
  },
};
