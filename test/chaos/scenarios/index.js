import { clusterGrow } from "./cluster-grow.js";
import { clusterKill } from "./cluster-kill.js";
import { clusterStop } from "./cluster-stop.js";
import { clockSkew } from "./clock-skew.js";
import { failoverClock, failoverClockBehind } from "./failover-clock.js";
import { maxmemory } from "./maxmemory.js";
import { mixed } from "./mixed.js";
import { netCut } from "./net-cut.js";
import { producerKill } from "./producer-kill.js";
import { pubsubCut } from "./pubsub-cut.js";
import { redisRestart1s, redisRestart20s } from "./redis-restart.js";
import { replicaLoss } from "./replica-loss.js";
import { replyLost } from "./reply-lost.js";
import { rollingDeploy } from "./rolling-deploy.js";
import { schedulerKill } from "./scheduler-kill.js";
import { schedulerStop } from "./scheduler-stop.js";
import { scriptFlush } from "./script-flush.js";
import { sentinelKill } from "./sentinel-kill.js";
import { sentinelStop } from "./sentinel-stop.js";
import { sentinelsGone } from "./sentinels-gone.js";
import { slotMigration } from "./slot-migration.js";
import { tlsAcl } from "./tls-acl.js";
import { workerKill } from "./worker-kill.js";
import { workerStop } from "./worker-stop.js";

/*
 * A scenario:
 *
 *   name, promised        what stands in the report: "none lost", or "counted"
 *   strike(run, random)   one fault, from its beginning to its end; `run` is the Run of scenario-run.js. It tells
 *                         `run.fault` how much it struck: what struck nothing fails the run
 *   heal?(run)            undoes what the strikes left behind
 *   topology?, setting?(form, folder)   a class as in topology.js, and how it is set; SingleRedis
 *   durability?           of producers; async
 *   strikes?              how often it strikes at most
 *   isLong?               left out of the short form
 *   clockOffMs?           by how much a new master's clock is ahead, or behind if it is negative
 *   mustLose?             acknowledged tasks must be lost, or it has not struck
 *   populate?(run)        starts other processes than the usual
 *   touches?              what it strikes; two that touch the same do not go together
 *   codes?                the errors that callers may meet because of it
 *   leaseMs?(form), addTimeoutMs?(form), slowPollMs?   other than the usual
 *   firstStartMaxMs?(leaseMs), faultLagP99MaxMs?, lagMaxMs?   how soon work must go on, see limits.js
 *   isDurable, isProxied, restMs, unavailable?()
 */
export const SCENARIOS = [
  workerKill,
  workerStop,
  schedulerKill,
  schedulerStop,
  producerKill,
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
  ...sentinelKill,
  ...sentinelStop,
  ...sentinelsGone,
  ...replicaLoss,
  ...failoverClock,
  ...failoverClockBehind,
  ...clusterKill,
  ...clusterStop,
  ...slotMigration,
  ...clusterGrow,
  ...tlsAcl,
];
