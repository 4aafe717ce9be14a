import { monotonicMs, readLog } from "../event-log.js";
import { SentinelRedis } from "../sentinel-redis.js";
import { bothWays } from "./both-ways.js";
import { startsOf } from "./evidence.js";
import { steadySentinels } from "./settings.js";

/** ioredis looks for the master anew at such intervals that a connection which cannot do without Sentinels would have gone. */
const GONE_MS = { full: 10_000, short: 7000 };
const FOUND_WITHIN_MS = 10_000;
const LOOK_MS = 100;
/** Many tasks were run meanwhile. */
const LEAST = 50;

/**
 * All Sentinels die, and come back later. Those who are connected notice nothing; a worker that starts meanwhile does not find
 * the master, waits, and takes its part when the Sentinels are back.
 */
export const sentinelsGone = bothWays(
  {
    name: "sentinels-gone",
    codes: [],
    topology: SentinelRedis,
    setting: steadySentinels,
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
        const deadlineT = monotonicMs() + FOUND_WITHIN_MS;
        while (!hasStarted(late) && monotonicMs() < deadlineT) await run.sleep(LOOK_MS);
        return (events) => startsOf(events, fault);
      });
      await run.stop(old[0]);
    },
  },
  { areReplicasLost: false },
);

const hasStarted = ({ log }) => readLog(log).some(({ event }) => event === "start");
