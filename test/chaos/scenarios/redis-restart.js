import { AFTER_REDIS_MS } from "../limits.js";
import { runIdsOf } from "../topology.js";
import { CUT_OFF } from "./codes.js";

/** Redis is killed, away for a while, and loads what it had written, which is all that it had acknowledged. */
const restart = (name, awayMs, more = {}) => ({
  name,
  promised: "none lost",
  touches: ["redis"],
  isDurable: true,
  codes: CUT_OFF,
  firstStartMaxMs: () => AFTER_REDIS_MS,
  async strike(run) {
    const { topology, fleet, form } = run;
    const before = await runIdsOf(topology);
    await run.fault({ name, kind: "redis-away", blinds: fleet.of("worker") }, async () => {
      await topology.restart(awayMs(form), run.sleep);
      return async () => (await runIdsOf(topology)).filter((id) => !before.includes(id)).length;
    });
  },
  ...more,
});

export const redisRestart1s = restart("redis-restart-1s", () => 1000);
/** Past the leases, and past what an add waits: many do not know whether they were made. */
export const redisRestart20s = restart("redis-restart-20s", ({ isShort }) => (isShort ? 3000 : 20_000), {
  addTimeoutMs: ({ isShort }) => (isShort ? 1500 : 10_000),
});
