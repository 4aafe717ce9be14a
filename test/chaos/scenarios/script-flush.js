import { callAll, refusalsOf } from "../topology.js";

const FLUSHES = 8;

/** Redis forgets its scripts. */
export const scriptFlush = {
  name: "script-flush",
  promised: "none lost",
  touches: ["redis"],
  async strike(run, random) {
    const { topology } = run;
    const before = await refusalsOf(topology, "NOSCRIPT");
    await run.fault({ name: "script-flush", kind: "redis", least: FLUSHES }, async () => {
      for (let flushes = 0; flushes < FLUSHES; flushes++) {
        await callAll(topology, "SCRIPT", "FLUSH");
        await run.sleep(random.between(50, 300));
      }
      return (await refusalsOf(topology, "NOSCRIPT")) - before;
    });
  },
};
