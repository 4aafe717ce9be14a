/**
 * Measures how delayq keeps its pace as pending tasks become very many, with due times all over a week.
 *
 *   npm run bench:growth [-- --pending 100000,1000000,10000000 --shards 1,16,64 --quick --json FILE --svg FILE]
 *
 * Ten million tasks take about 3.7 GB of Redis' memory; a level for which there is too little is left out, loudly.
 */
import { writeFileSync } from "node:fs";
import { freemem } from "node:os";
import { keeps } from "./growth/keeps.js";
import { measureLevel } from "./growth/level.js";
import { growthSvg } from "./growth/plot.js";
import { BenchRedis } from "./support/bench-redis.js";
import { numbers, readFlags } from "./support/flags.js";
import { machine, machineLine } from "./support/machine.js";
import { writeJson } from "./support/report.js";
import { FULL, QUICK } from "./support/scale.js";
import { short, textTable } from "./support/table.js";

/** What a pending task may take at most, what Redis takes besides while it grows, and a rest for everybody else. */
const NEEDED_BYTES = 500;
const SPARE_BYTES = 1e9;

const flags = readFlags({
  pending: { type: "string", default: "100000,1000000,10000000" },
  shards: { type: "string", default: "1,16,64" },
  quick: { type: "boolean", default: false },
  json: { type: "string" },
  svg: { type: "string" },
});
const pendings = numbers("pending", flags.pending).toSorted((a, b) => a - b);
const shardCounts = numbers("shards", flags.shards);
const scale = flags.quick ? QUICK : FULL;

const redis = await BenchRedis.start();
try {
  const about = machine(redis);
  const levels = [];
  for (const shards of shardCounts) levels.push(...(await levelsOf(shards)));
  const kept = keeps(levels);
  console.log(machineLine(about));
  console.log(levelTable(levels));
  if (kept.length > 0) console.log(keptTable(kept));
  if (flags.json !== undefined) {
    const settings = { quick: flags.quick, pending: pendings, shards: shardCounts };
    writeJson(flags.json, { machine: about, settings, levels, keeps: kept });
  }
  if (flags.svg !== undefined) writeFileSync(flags.svg, growthSvg(levels, kept));
} finally {
  await redis.stop();
}

async function levelsOf(shards) {
  await redis.flush();
  const emptyBytes = await redis.usedMemory();
  const levels = [];
  let from = 0;
  for (const pending of pendings) {
    const needed = (pending - from) * NEEDED_BYTES + SPARE_BYTES;
    if (freemem() < needed) {
      const has = `${(freemem() / 1e9).toFixed(1)} of ${(needed / 1e9).toFixed(1)} GB are free`;
      console.log(`\n!! SKIPPED: ${pending} pending tasks in ${shards} shards: ${has}\n`);
      continue;
    }
    const level = await measureLevel({ redis, shards, from, pending, emptyBytes, scale });
    console.error(JSON.stringify(level));
    levels.push(level);
    from = pending;
  }
  return levels;
}

function levelTable(levels) {
  const head = ["shards", "pending", "adds/s", "Redis us/add", "runs/s", "Redis us/run"];
  return textTable(
    [...head, "lag p50 ms", "lag p99 ms", "B/task"],
    levels.map((level) => [
      level.shards,
      level.pending.toLocaleString("en-US"),
      ...[level.addPerSecond, level.addRedisUs, level.processPerSecond, level.processRedisUs].map(short),
      ...[level.lagP50Ms, level.lagP99Ms, level.bytes].map(short),
    ]),
  );
}

function keptTable(kept) {
  return textTable(
    ["shards", "pending", "figure", "kept", "at least", ""],
    kept.map(({ shards, pending, figure, share, shareMin, isMet }) => [
      shards,
      pending.toLocaleString("en-US"),
      figure,
      `${Math.round(100 * share)} %`,
      `${Math.round(100 * shareMin)} %`,
      isMet ? "met" : "MISSED",
    ]),
  );
}
