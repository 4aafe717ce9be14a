import { SentinelRedis } from "../sentinel-redis.js";
import { bothWays } from "./both-ways.js";
import { startsOf } from "./evidence.js";
import { sentinelSetting } from "./settings.js";

const GONE_MS = { full: 10_000, short: 2500 };
/** Many tasks were run meanwhile. */
const LEAST = 50;

/**
 * All Sentinels die, and come back later. Those who are connected notice nothing; a worker that starts meanwhile does not find
 * the master, waits, and takes its part when the Sentinels are back.
 */
export const sentinelsGone = bothWays({
  name: "sentinels-gone",
  topology: SentinelRedis,
  setting: sentinelSetting,
  async strike(run) {
    const { topology, fleet, form } = run;
    const { sentinelNodes } = topology.set;
    const old = fleet.of("worker");
    const what = { kind: "sentinels", victims: old, isHarmless: true, least: LEAST };
    let late;
    await run.fault(what, async (fault) => {
      await Promise.all(sentinelNodes.map((node) => node.kill()));
      late = await fleet.start("worker");
      await run.sleep(form.isShort ? GONE_MS.short : GONE_MS.full);
      return (events) => startsOf(events, fault);
    });
    const after = {
      name: `${run.scenario.name}, a worker that came meanwhile`,
      kind: "sentinels",
      victims: [late],
    };
    await run.fault({ ...after, isHarmless: true }, async (fault) => {
      await Promise.all(sentinelNodes.map((node) => node.start()));
      await run.sleep(2000);
      return (events) => startsOf(events, fault);
    });
    await run.stop(old[0]);
  },
});
