import { clockSkew } from "./clock-skew.js";
import { maxmemory } from "./maxmemory.js";
import { mixed } from "./mixed.js";
import { netCut } from "./net-cut.js";
import { pubsubCut } from "./pubsub-cut.js";
import { redisRestart1s, redisRestart20s } from "./redis-restart.js";
import { replyLost } from "./reply-lost.js";
import { rollingDeploy } from "./rolling-deploy.js";
import { schedulerKill } from "./scheduler-kill.js";
import { schedulerStop } from "./scheduler-stop.js";
import { scriptFlush } from "./script-flush.js";
import { workerKill } from "./worker-kill.js";
import { workerStop } from "./worker-stop.js";

/*
 * A scenario:
 *
 *   name, promised      what stands in the report
 *   strike(run, i)      one fault, from its beginning to its end; `run` is the Run of scenario-run.js
 *   heal?(run)          undoes what the strikes left behind
 *   populate?(run)      starts other processes than the usual
 *   leaseMs?(form)      another lease than the form's
 *   firstStartMaxMs?(leaseMs)  how soon work must go on after a fault
 *   hasBitten?(run, events)    whether the fault has shown; one that struck nothing proves nothing
 *   isDurable, isProxied, slowPollMs, restMs, unavailable?()
 */
export const SCENARIOS = [
  workerKill,
  workerStop,
  schedulerKill,
  schedulerStop,
  redisRestart1s,
  redisRestart20s,
  netCut,
  replyLost,
  pubsubCut,
  clockSkew,
  scriptFlush,
  maxmemory,
  rollingDeploy,
  mixed,
];
