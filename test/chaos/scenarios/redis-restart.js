/** Redis is killed, away for a while, and loads what it had written, which is all that it had acknowledged. */
const restart = (name, awayMs) => ({
  name,
  promised: "none lost",
  isDurable: true,
  firstStartMaxMs: () => 2000,
  async strike(run) {
    run.blinded += run.fleet.of("worker").length;
    await run.fault(
      "redis-away",
      [],
      async () => await run.topology.restart(awayMs(run.form), async (ms) => await run.sleep(ms)),
    );
  },
});

export const redisRestart1s = restart("redis-restart-1s", () => 1000);
/** Past the leases. */
export const redisRestart20s = restart("redis-restart-20s", ({ isShort }) => (isShort ? 3000 : 20_000));
