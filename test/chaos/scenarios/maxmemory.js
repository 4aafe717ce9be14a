import { callAll, refusalsOf } from "../topology.js";
import { FULL } from "./codes.js";
import { completed } from "./evidence.js";

/** Redis is full: adds are refused, what was added runs all the same. */
export const maxmemory = {
  name: "maxmemory",
  promised: "none lost",
  touches: ["redis"],
  codes: FULL,
  async strike(run) {
    const { topology, form } = run;
    const before = await refusalsOf(topology, "OOM");
    await run.fault({ name: "maxmemory", kind: "redis" }, async (fault) => {
      await Promise.all((await topology.masters()).map(fill));
      await run.sleep(form.isShort ? 2000 : 5000);
      const refused = (await refusalsOf(topology, "OOM")) - before;
      await callAll(topology, "CONFIG", "SET", "maxmemory", "0");
      return (events) => Math.min(refused, completed(events, fault));
    });
  },
};

async function fill(redis) {
  const used = Number(/used_memory:(\d+)/.exec(await redis.call("INFO", "memory"))[1]);
  await redis.call("CONFIG", "SET", "maxmemory", String(Math.round(used * 0.9)));
}
