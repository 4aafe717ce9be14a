import { callName } from "../support/script-names.js";

/*
 * How long Redis was busy with each script. Redis adds up the time of all scripts together, and its slow log holds every
 * single call that took longer than a threshold; how often each script was called, the callers have counted. So a script's mean
 * is known to lie below
 *
 *   what its logged calls took + the threshold for each of the others
 *   what all scripts took - what the logged calls of the others took
 *
 * each divided by its calls; the smaller one is given.
 */
const THRESHOLD_US = 250;
const LOGGED_MAX = 100_000;
const SLOW_US = 5000;

export class ScriptTimes {
  #redis;

  constructor(redis) {
    this.#redis = redis;
  }

  async start() {
    await this.#redis.set("slowlog-log-slower-than", THRESHOLD_US);
    await this.#redis.set("slowlog-max-len", LOGGED_MAX);
    await this.#redis.admin.slowlog("RESET");
    await this.#redis.admin.config("RESETSTAT");
  }

  /** @param counted what each process has counted, since `start` */
  async stop(counted) {
    const stats = await this.#redis.info("commandstats");
    await this.#redis.set("slowlog-log-slower-than", -1);
    const log = await this.#redis.admin.slowlog("GET", -1);
    const totalUs = usecOf(stats.cmdstat_evalsha) + usecOf(stats.cmdstat_eval);
    return {
      isLogFull: log.length >= LOGGED_MAX,
      scripts: summaries(callsOf(counted), loggedOf(log), totalUs),
    };
  }
}

function usecOf(stat) {
  return Number(/usec=(\d+)/.exec(stat ?? "")?.[1] ?? 0);
}

/** Scripts and how often they were called; "eval" is the first call of any script, which is sent and compiled as a whole. */
function callsOf(counted) {
  const calls = new Map();
  for (const counts of counted) {
    for (const [hash, count] of Object.entries(counts)) {
      const name = callName(hash);
      if (name === hash && name !== "eval") continue; // a plain command
      calls.set(name, (calls.get(name) ?? 0) + count);
    }
  }
  return calls;
}

function loggedOf(log) {
  const logged = new Map();
  for (const [, , us, [command, hash]] of log) {
    const name = { evalsha: () => callName(hash), eval: () => "eval" }[command.toLowerCase()]?.();
    if (name === undefined) continue;
    if (!logged.has(name)) logged.set(name, []);
    logged.get(name).push(us);
  }
  return logged;
}

function summaries(calls, logged, totalUs) {
  const sumOf = (name) => (logged.get(name) ?? []).reduce((sum, us) => sum + us, 0);
  const allUs = [...logged.keys()].reduce((sum, name) => sum + sumOf(name), 0);
  return [...calls].map(([name, count]) => {
    const own = logged.get(name) ?? [];
    const ownUs = sumOf(name);
    const mostUs = Math.min(
      ownUs + Math.max(0, count - own.length) * THRESHOLD_US,
      totalUs - (allUs - ownUs),
    );
    const slow = own.filter((us) => us > SLOW_US).length;
    const maxUs = own.reduce((max, us) => Math.max(max, us), THRESHOLD_US);
    return { name, calls: count, meanMs: mostUs / count / 1000, slow, maxMs: maxUs / 1000 };
  });
}
