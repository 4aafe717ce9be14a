import { netCut } from "./net-cut.js";
import { redisRestart1s } from "./redis-restart.js";
import { replyLost } from "./reply-lost.js";
import { schedulerKill } from "./scheduler-kill.js";
import { scriptFlush } from "./script-flush.js";
import { workerKill } from "./worker-kill.js";
import { workerStop } from "./worker-stop.js";

const PAIRS = [
  [workerKill, redisRestart1s],
  [replyLost, schedulerKill],
  [netCut, scriptFlush],
  [workerStop, replyLost],
];

/** Two faults at a time. */
export const mixed = {
  name: "mixed",
  promised: "none lost",
  isDurable: true,
  isProxied: true,
  async strike(run) {
    const pair = run.random.pick(PAIRS);
    await Promise.all(pair.map(async (scenario) => await scenario.strike(run)));
  },
};
