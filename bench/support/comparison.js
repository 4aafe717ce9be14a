import { metric } from "../goals.js";
import { median } from "./statistics.js";
import { PLAIN } from "./variant.js";

const ENGINES = ["delayq", "bullmq"];

/**
 * Runs a row in turns, delayq and BullMQ and the floor, round after round, each on an empty Redis.
 *
 * @returns one result per metric: the medians, and how far delayq is ahead
 */
export async function compare(row, { redis, scale, variant = PLAIN }) {
  const engines = row.engines ?? (row.hasFloor ? [...ENGINES, "floor"] : ENGINES);
  const seen = new Map();
  for (let round = 1; round <= (row.isSteady ? 1 : scale.rounds); round++) {
    for (const engine of engines) {
      await redis.flush();
      const { remark, ...metrics } = await row.run({ engine, redis, scale, workers: variant.workers });
      for (const [name, value] of Object.entries(metrics)) note(seen, name, engine, value);
      console.error(`${row.name} ${engine} round ${round}: ${shown(metrics)}`);
      if (remark !== undefined) console.error(`  ${remark}`);
    }
  }
  return [...seen].map(([name, values]) => resultOf(name, values, variant));
}

function note(seen, name, engine, value) {
  if (!seen.has(name)) seen.set(name, {});
  (seen.get(name)[engine] ??= []).push(value);
}

function resultOf(name, values, { label }) {
  const { unit, isMoreBetter, must, aim } = metric(name);
  const delayq = median(values.delayq);
  const bullmq = values.bullmq === undefined ? null : median(values.bullmq);
  const floor = values.floor === undefined ? null : median(values.floor);
  const ratio = bullmq === null ? null : isMoreBetter ? delayq / bullmq : bullmq / delayq;
  const goal = must === undefined || label !== "" ? null : { must, aim };
  return {
    name,
    ...(label !== "" && { variant: label }),
    unit,
    delayq,
    bullmq,
    ratio,
    floor,
    goal,
    verdict: verdictOf({ delayq, ratio, floor }, goal, isMoreBetter),
  };
}

/** "aim", "must" or "missed"; null where there is no goal. */
function verdictOf(seen, goal, isMoreBetter) {
  if (goal === null) return null;
  if (!reaches(seen, goal.must, isMoreBetter)) return "missed";
  return reaches(seen, goal.aim, isMoreBetter) ? "aim" : "must";
}

function reaches({ delayq, ratio, floor }, { value, ratio: ratioMin, floorRatio }, isMoreBetter) {
  if (value !== undefined && (isMoreBetter ? delayq < value : delayq > value)) return false;
  if (ratioMin !== undefined && ratio < ratioMin) return false;
  return floorRatio === undefined || floor === null || delayq / floor >= floorRatio;
}

function shown(metrics) {
  return Object.entries(metrics)
    .map(([name, value]) => `${name.split(" ").slice(1).join(" ") || name} ${value.toPrecision(4)}`)
    .join(", ");
}
