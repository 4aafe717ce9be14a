import slotOf from "cluster-key-slot";
import { shardKeys } from "../../dist/store/keys.js";
import { monotonicMs } from "./event-log.js";

/*
 * What is where in a shard, read in one step, so that what must hold at every instant can be held against it at any.
 * It uses neither the transitions of lua/ nor the store: what they get wrong must show here.
 */

const LEVELS = 10;
const RUNWAY_MAX = 2000;
const SHOWN_MAX = 5;

/** Reads nothing but names, scores and counters; also when Redis is full. */
const INSPECT = `#!lua flags=no-writes,allow-oom
local dump = {}
for i = 1, 10 do
  dump[#dump + 1] = redis.call("ZRANGE", KEYS[i], 0, -1)
end
for i = 11, 20 do
  dump[#dump + 1] = redis.call("LRANGE", KEYS[i], 0, -1)
end
for i = 21, 23 do
  dump[#dump + 1] = redis.call("ZRANGE", KEYS[i], 0, -1)
end
for i = 24, 28 do
  dump[#dump + 1] = redis.call("HKEYS", KEYS[i])
end
dump[#dump + 1] = redis.call("HGETALL", KEYS[29])
dump[#dump + 1] = redis.call("HMGET", KEYS[30], "fence", "epoch", "owner")
return dump`;

/**
 * @param byKey which server has a key
 * @returns {Promise<object[]>} one picture of each shard that can be read now
 */
export async function inspect(byKey, { prefix, queue, shards }) {
  const numbers = Array.from({ length: shards }, (_, shard) => shard);
  const looks = numbers.map(
    async (shard) => await look(byKey, shard, shardKeys({ prefix, queue }, shard, shards)),
  );
  return (await Promise.allSettled(looks)).flatMap(({ value }) => (value === undefined ? [] : [value]));
}

async function look(byKey, shard, keys) {
  const { leased, dead, done, tasks, leases, more, errors, results, stats, seq } = keys;
  const sets = [leased, dead, done, tasks, leases, more, errors, results, stats, seq];
  const flat = [...keys.due, ...keys.ready, ...sets];
  const redis = byKey(tasks);
  if (redis === undefined) throw new Error(`shard ${shard} has no master`);
  const sentT = monotonicMs();
  const reply = await redis.call("EVAL", INSPECT, String(flat.length), ...flat);
  return { ...pictureOf(shard, reply), redis, sentT, t: monotonicMs() };
}

/** shard -> which server has it. */
export function mastersOf(byKey, { prefix, queue, shards }) {
  const numbers = Array.from({ length: shards }, (_, shard) => shard);
  return numbers.map((shard) => byKey(shardKeys({ prefix, queue }, shard, shards).tasks));
}

/** shard -> its slot in a Cluster. */
export function slotsOf({ prefix, queue, shards }) {
  const numbers = Array.from({ length: shards }, (_, shard) => shard);
  return numbers.map((shard) => slotOf(shardKeys({ prefix, queue }, shard, shards).tasks));
}

function pictureOf(shard, reply) {
  const due = reply.slice(0, LEVELS);
  const ready = reply.slice(LEVELS, 2 * LEVELS);
  const [leased, dead, done, tasks, leases, more, errors, results, stats, sequence] = reply.slice(2 * LEVELS);
  const places = new Map();
  due.forEach((ids, level) => places.set(`due:${level}`, ids));
  ready.forEach((ids, level) => places.set(`ready:${level}`, ids));
  places.set("leased", leased).set("dead", dead).set("done", done);
  const counters = pairs(stats, Number);
  const [fence, epoch, owner] = sequence;
  const numbers = { fence: Number(fence), epoch: Number(epoch) };
  return { shard, places, tasks, leases, more, errors, results, counters, numbers, owner };
}

function pairs(flat, read) {
  const map = {};
  for (let at = 0; at < flat.length; at += 2) map[flat[at]] = read(flat[at + 1]);
  return map;
}

/** How many ids are on their way: neither dead nor kept as done. */
export function pendingIn(pictures) {
  return pictures.flatMap(({ places }) =>
    [...places].filter(([place]) => place !== "dead" && place !== "done").flatMap(([, ids]) => ids),
  );
}

/** What must never be so, at whatever instant the picture was taken. */
export function faultsOf(picture) {
  return [...placeFaults(picture), ...companionFaults(picture), ...counterFaults(picture)];
}

/** What must not be so between two looks at a shard: numbers and counters only grow, unless its master failed over. */
export function stepFaultsOf(before, after, faults) {
  if (after.redis !== before.redis && hasFailedOver(before, after, faults)) return [];
  const grown = (picture) => ({ ...picture.numbers, ...picture.counters });
  const [old, young] = [grown(before), grown(after)];
  const fallen = Object.keys(old).filter((name) => (young[name] ?? 0) < old[name]);
  if (fallen.length === 0) return [];
  const text = `shard ${after.shard}: ${fallen.map((name) => `${name} from ${old[name]} to ${young[name]}`).join(", ")}`;
  return [{ kind: "went back", count: fallen.length, text }];
}

/** Then what the old master had not passed on is gone. */
function hasFailedOver(before, after, faults) {
  return faults.some(
    ({ kind, shards, startT, endT }) =>
      kind === "failover" &&
      (shards?.includes(after.shard) ?? true) &&
      startT <= after.t &&
      endT >= before.sentT,
  );
}

/** A task is in exactly one state; no record without a place, no place without a record. */
function placeFaults({ shard, places, tasks }) {
  const found = { twoPlaces: [], noPlace: [], noRecord: [], longRunway: [] };
  const seen = new Map();
  for (const [place, ids] of places) {
    if (place.startsWith("ready") && ids.length > RUNWAY_MAX) found.longRunway.push(`${ids.length}`);
    for (const id of ids) {
      const other = seen.get(id);
      if (other !== undefined) found.twoPlaces.push(`${id} is in ${other} and ${place}`);
      seen.set(id, place);
    }
  }
  const known = new Set(tasks);
  for (const id of known) if (!seen.has(id)) found.noPlace.push(id);
  for (const [id, place] of seen) if (!known.has(id)) found.noRecord.push(`${id} in ${place}`);
  return Object.entries(found)
    .filter(([, ids]) => ids.length > 0)
    .map(([kind, ids]) => ({ kind, count: ids.length, text: `shard ${shard}: ${some(ids)}` }));
}

function companionFaults({ shard, places, tasks, leases, more, errors, results }) {
  const sets = {
    tasks,
    leases,
    more,
    errors,
    results,
    leased: places.get("leased"),
    done: places.get("done"),
  };
  const within = [
    ["more", "tasks"],
    ["errors", "tasks"],
    ["leases", "leased"],
    ["leased", "leases"],
    ["results", "done"],
    ["done", "results"],
  ];
  return within.flatMap(([inner, outer]) => {
    const known = new Set(sets[outer]);
    const strays = sets[inner].filter((id) => !known.has(id));
    if (strays.length === 0) return [];
    const text = `shard ${shard}: in ${inner}, not in ${outer}: ${some(strays)}`;
    return [{ kind: "stray", count: strays.length, text }];
  });
}

/** added = completed + cancelled + purged + expired + delayed + ready + leased + dead. */
function counterFaults({ shard, places, counters }) {
  const count = (name) => counters[name] ?? 0;
  const ended = count("completed") + count("cancelled") + count("purged") + count("expired");
  const here = [...places]
    .filter(([place]) => place !== "done")
    .reduce((sum, [, ids]) => sum + ids.length, 0);
  if (count("added") === ended + here) return [];
  const text = `shard ${shard}: ${count("added")} were added, ${ended} have ended, ${here} are here`;
  return [{ kind: "counters", count: Math.abs(count("added") - ended - here), text }];
}

export function some(list) {
  const shown = list.slice(0, SHOWN_MAX).join(", ");
  return list.length > SHOWN_MAX ? `${shown} and ${list.length - SHOWN_MAX} more` : shown;
}
