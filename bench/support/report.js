import { writeFileSync } from "node:fs";
import { engineOf } from "../engines/index.js";
import { BenchRedis } from "./bench-redis.js";
import { compare } from "./comparison.js";
import { machine, machineLine } from "./machine.js";
import { comparisonTable } from "./table.js";

const ENGINES = ["delayq", "bullmq", "floor"];

/**
 * Runs rows one after another, prints the table, and writes it where `json` says.
 *
 * @param runs `{ variant, rows }` each; every one gets a Redis of its own
 */
export async function report(runs, { scale, settings, json }) {
  const results = [];
  let about;
  for (const { variant, rows } of runs) {
    const redis = await BenchRedis.start(variant.redis);
    try {
      about ??= machine(redis);
      for (const row of rows) results.push(...(await compare(row, { redis, scale, variant })));
    } finally {
      await redis.stop();
    }
  }
  console.log(machineLine(about));
  for (const name of ENGINES) console.log(`${name}: ${engineOf(name).settings.join("; ")}`);
  console.log(comparisonTable(results));
  if (json === undefined) return;
  const engines = Object.fromEntries(ENGINES.map((name) => [name, engineOf(name).settings]));
  writeJson(json, { machine: about, settings: { ...settings, scale, ...engines }, rows: results });
}

export function writeJson(file, value) {
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}
