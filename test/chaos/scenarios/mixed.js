import { Random } from "../random.js";
import { CUT_OFF, FULL } from "./codes.js";
import { maxmemory } from "./maxmemory.js";
import { netCut } from "./net-cut.js";
import { producerKill } from "./producer-kill.js";
import { pubsubCut } from "./pubsub-cut.js";
import { redisRestart1s } from "./redis-restart.js";
import { replyLost } from "./reply-lost.js";
import { rollingDeploy } from "./rolling-deploy.js";
import { schedulerKill } from "./scheduler-kill.js";
import { schedulerStop } from "./scheduler-stop.js";
import { scriptFlush } from "./script-flush.js";
import { workerKill } from "./worker-kill.js";
import { workerStop } from "./worker-stop.js";

const KINDS = [
  maxmemory,
  netCut,
  producerKill,
  pubsubCut,
  redisRestart1s,
  replyLost,
  rollingDeploy,
  schedulerKill,
  schedulerStop,
  scriptFlush,
  workerKill,
  workerStop,
];
const PAIRS = KINDS.flatMap((one, i) => KINDS.slice(i + 1).map((other) => [one, other])).filter(
  ([one, other]) => !one.touches.some((what) => other.touches.includes(what)),
);

/** Two faults at a time, any two that do not touch the same. */
export const mixed = {
  name: "mixed",
  promised: "none lost",
  isDurable: true,
  isProxied: true,
  slowPollMs: pubsubCut.slowPollMs,
  lagMaxMs: pubsubCut.lagMaxMs,
  codes: [...CUT_OFF, ...FULL],
  async strike(run, random) {
    const pair = random.pick(PAIRS);
    const each = pair.map((scenario) => ({ scenario, own: new Random(`${random.next()} ${scenario.name}`) }));
    await Promise.all(each.map(async ({ scenario, own }) => await scenario.strike(run, own)));
  },
};
