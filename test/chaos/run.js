/*
 * npm run test:chaos [-- --scenario NAME,... --seconds N --seed S --json FILE --short --mutations --keep]
 *
 * Runs the scenarios one after another and ends with 1 if the checker found anything. With --mutations it runs copies of the
 * engine with one mistake each instead (with --short as well: after the scenarios), and ends with 1 if one was not caught.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { locateRedisServer } from "../../dist/dev/locate-redis-server.js";
import { monotonicMs } from "./event-log.js";
import { MARGIN_MS } from "./limits.js";
import { MUTATIONS, mutatedEngine } from "./mutations.js";
import { rowOf, tableOf } from "./report.js";
import { runScenario } from "./scenario-run.js";
import { SCENARIOS } from "./scenarios/index.js";

const FULL = {
  leaseMs: 15_000,
  ratePerSecond: 500,
  seconds: 60,
  strikes: 2,
  slowShare: 0.015,
  laterMaxMs: 3000,
  shards: 16,
  marginMs: MARGIN_MS.full,
  isShort: false,
};
const SHORT = {
  leaseMs: 1500,
  ratePerSecond: 300,
  seconds: 4,
  strikes: 1,
  slowShare: 0.04,
  laterMaxMs: 1000,
  shards: 8,
  marginMs: MARGIN_MS.short,
  isShort: true,
};
const MUTATED = { ...SHORT, seconds: 3, endsAtFault: true };
const MUTATIONS_AT_ONCE = 2;
const ENGINE = new URL("../../dist/index.js", import.meta.url).href;

const options = readOptions();
const folder = mkdtempSync(join(tmpdir(), "delayq-chaos-"));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));
let isSound = true;
process.on("exit", () => {
  if (isSound && !options.keep) rmSync(folder, { recursive: true, force: true });
});

const server = await locateRedisServer({ onProgress: (line) => console.error(line) });
console.log(`seed ${options.seed}, logs in ${folder}`);
const startedT = monotonicMs();
if (!options.mutations || options.short) await runAll();
if (options.mutations) await runMutations();
console.log(`\ntook ${Math.round((monotonicMs() - startedT) / 1000)} s`);
if (!isSound) console.log(`NOT SOUND. Again with: --seed ${options.seed}; the logs stay in ${folder}`);
process.exit(isSound ? 0 : 1);

async function runAll() {
  const form = formOf(options);
  const outcomes = [];
  const usual = SCENARIOS.filter(({ isLong }) => !(isLong && options.short));
  for (const scenario of options.scenario === undefined ? usual : chosen(SCENARIOS, options.scenario)) {
    const outcome = await runOne(scenario, form, ENGINE, folder);
    outcomes.push(outcome);
    writeJson(outcomes);
    if (outcome.skipped !== undefined) console.log(`\n!! ${scenario.name} SKIPPED: ${outcome.skipped}`);
    else if (outcome.broken !== undefined) console.log(`\n!! ${scenario.name} BROKE OFF: ${outcome.broken}`);
    else tell(outcome);
    if (outcome.broken !== undefined || outcome.result?.findings.length > 0) isSound = false;
  }
  console.log(`\n${tableOf(outcomes)}`);
  for (const outcome of outcomes) if (outcome.result?.findings.length > 0) tell(outcome);
}

/** After each scenario, so that a run that is broken off has told what it saw. */
function writeJson(outcomes) {
  if (options.json === undefined) return;
  const seen = outcomes.filter(({ result }) => result !== undefined);
  const scenarios = seen.map(({ name, promised, result }) => rowOf(name, promised, result));
  writeFileSync(options.json, `${JSON.stringify({ scenarios }, null, 2)}\n`);
}

async function runOne(scenario, form, engine, place) {
  const { name, promised } = scenario;
  const skipped = await scenario.unavailable?.();
  if (skipped !== undefined) return { name, promised, skipped };
  const startT = monotonicMs();
  const limits = limitsOf(scenario, form);
  try {
    const result = await runScenario(scenario, form, limits, options.seed, { engine, server, folder: place });
    return { name, promised, result, tookMs: monotonicMs() - startT };
  } catch (error) {
    return { name, promised, broken: error.stack, tookMs: monotonicMs() - startT };
  }
}

function limitsOf(scenario, form) {
  const { seconds, ratePerSecond, marginMs } = form;
  return {
    firstStartMs: scenario.firstStartMaxMs?.(scenario.leaseMs?.(form) ?? form.leaseMs),
    faultLagP99Ms: scenario.faultLagP99MaxMs,
    lagMaxMs: scenario.lagMaxMs,
    load: seconds * ratePerSecond,
    marginMs,
  };
}

function tell({ name, result, tookMs }) {
  const { findings, acknowledged, lost, duplicates, struck, firstStartMs, lagP50Ms, lagP99Ms } = result;
  const verdict = findings.length === 0 ? "sound" : "NOT SOUND";
  const first = `first start after ${firstStartMs ?? "-"} ms`;
  const figures = `${acknowledged} acknowledged, ${lost} lost, ${duplicates} duplicates, struck: ${struck.join(", ")}, ${first}, lag p50 ${lagP50Ms} p99 ${lagP99Ms} ms`;
  console.log(`${name}: ${verdict}; ${figures}; ${(tookMs / 1000).toFixed(1)} s`);
  for (const { kind, count, text } of findings) console.log(`  ${kind} (${count}): ${text}`);
}

/** Each mistake must be found by a scenario that the sound engine passes, and as what it is. */
async function runMutations() {
  const uncaught = [];
  const waiting = [...chosen(MUTATIONS, options.mutation)];
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      if (!(await isCaught(next))) uncaught.push(next.name);
  };
  await Promise.all(Array.from({ length: MUTATIONS_AT_ONCE }, lane));
  if (uncaught.length > 0) isSound = false;
  console.log(uncaught.length === 0 ? "all mutations were caught" : `not caught: ${uncaught.join(", ")}`);
}

async function isCaught(mutation) {
  const scenario = SCENARIOS.find(({ name }) => name === mutation.scenario);
  const place = join(folder, mutation.name);
  const engine = mutatedEngine(mutation, place);
  const { result, broken, tookMs } = await runOne({ ...scenario, restMs: 3000 }, MUTATED, engine, place);
  if (broken !== undefined) console.log(`!! ${mutation.name} BROKE OFF: ${broken}`);
  const { findings = [] } = result ?? {};
  const caught = findings.some(({ kind }) => mutation.finds.some((found) => kind.startsWith(found)));
  const kinds = findings.map(({ kind }) => kind).join(", ") || "nothing";
  const word = caught ? "caught" : "NOT CAUGHT";
  console.log(`${mutation.name}: ${word} by ${scenario.name}: ${kinds}; ${(tookMs / 1000).toFixed(1)} s`);
  if (options.keep)
    for (const { kind, count, text } of findings) console.log(`  ${kind} (${count}): ${text}`);
  return caught;
}

function chosen(all, names) {
  if (names === undefined) return all;
  return names.split(",").map((name) => {
    const one = all.find((each) => each.name === name);
    if (one !== undefined) return one;
    console.error(`Expected one of ${all.map((each) => each.name).join(", ")}, got ${name}.`);
    process.exit(2);
  });
}

function formOf({ short, seconds }) {
  const form = short ? SHORT : FULL;
  return seconds === undefined
    ? form
    : { ...form, seconds, strikes: Math.max(1, Math.min(form.strikes, Math.round(seconds / 15))) };
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      scenario: { type: "string" },
      seconds: { type: "string" },
      seed: { type: "string" },
      json: { type: "string" },
      short: { type: "boolean", default: false },
      mutations: { type: "boolean", default: false },
      mutation: { type: "string" },
      keep: { type: "boolean", default: false },
    },
  });
  const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
  if (seconds !== undefined && !(seconds > 0)) {
    console.error(`Expected --seconds to be a number above 0, got ${values.seconds}.`);
    process.exit(2);
  }
  return { ...values, seconds, seed: values.seed ?? String(Math.floor(Math.random() * 1e9)) };
}
