/**
 * What it costs to have replicas confirm: adds with `durability: { replicas: 1, timeoutMs: 5000 }` beside those without, in
 * turns, on a master with one replica; and without a replica, since that alone costs something too.
 *
 *   npm run bench:durability [-- --quick --json FILE]
 */
import { setTimeout as sleep } from "node:timers/promises";
import { startDevRedis } from "../dist/dev/dev-redis.js";
import { DURABILITY_GOALS } from "./goals.js";
import { add, addBulk } from "./rows/add.js";
import { BenchRedis } from "./support/bench-redis.js";
import { readFlags } from "./support/flags.js";
import { machine, machineLine } from "./support/machine.js";
import { writeJson } from "./support/report.js";
import { FULL, QUICK } from "./support/scale.js";
import { median } from "./support/statistics.js";
import { short, textTable } from "./support/table.js";

const CONFIRMED = { replicas: 1, timeoutMs: 5000 };
const SYNC_LOOK_MS = 20;

const { quick, json } = readFlags({ quick: { type: "boolean", default: false }, json: { type: "string" } });
const scale = quick ? QUICK : FULL;

const alone = await BenchRedis.start();
const master = await BenchRedis.start();
let replica;
try {
  replica = await startDevRedis({
    config: { replicaof: `127.0.0.1 ${new URL(master.url).port}`, "repl-diskless-sync-delay": "0" },
    env: { ...process.env, DELAYQ_REDIS_URL: "" },
  });
  await inSync();
  const about = machine(master);
  const rows = [];
  for (const row of [addBulk, add]) rows.push(await measured(row));
  console.log(machineLine(about));
  console.log(
    textTable(
      ["row", "unit", "no replica", "async", "confirmed", "of async", "goal", ""],
      rows.map(({ name, without, async, confirmed, share, goal }) => [
        name,
        "tasks/s",
        short(without),
        short(async),
        short(confirmed),
        `${(100 * share).toFixed(0)} %`,
        goal === undefined ? "" : `${100 * goal} %`,
        goal === undefined ? "" : share >= goal ? "met" : "MISSED",
      ]),
    ),
  );
  if (json !== undefined) writeJson(json, { machine: about, settings: { quick, scale, CONFIRMED }, rows });
} finally {
  await replica?.stop();
  await master.stop();
  await alone.stop();
}

/** The medians of a row's rounds. */
async function measured({ name, run }) {
  const seen = { without: [], async: [], confirmed: [] };
  const once = async (redis, more) => {
    await redis.flush();
    if (redis === master) await inSync();
    return (await run({ engine: "delayq", redis, scale, ...more }))[name];
  };
  for (let round = 1; round <= scale.rounds; round++) {
    seen.without.push(await once(alone, {}));
    seen.async.push(await once(master, {}));
    seen.confirmed.push(await once(master, { durability: CONFIRMED }));
    console.error(
      `${name} round ${round}: ${Object.values(seen)
        .map((all) => short(all.at(-1)))
        .join(" / ")}`,
    );
  }
  const medians = Object.fromEntries(Object.entries(seen).map(([how, all]) => [how, median(all)]));
  const share = medians.confirmed / medians.async;
  return { name, ...medians, share, goal: DURABILITY_GOALS[name] };
}

/** Resolves when the replica has all that the master has. */
async function inSync() {
  for (;;) {
    const { slave0, master_repl_offset: offset } = await master.info("replication");
    if (slave0?.includes("state=online") && slave0.includes(`offset=${offset},`)) return;
    await sleep(SYNC_LOOK_MS);
  }
}
