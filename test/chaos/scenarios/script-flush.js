/** Redis forgets its scripts. */
export const scriptFlush = {
  name: "script-flush",
  promised: "none lost",
  async strike(run) {
    const { random, topology } = run;
    await run.fault("redis", [], async () => {
      for (let flushes = 0; flushes < 8; flushes++) {
        await topology.admin.script("FLUSH");
        await run.sleep(random.between(50, 300));
      }
    });
  },
};
