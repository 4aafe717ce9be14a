import { profileText } from "./profile-text.ts";
import { isDeepStrictEqual } from "node:util";
import { LEVELS } from "../../src/store/keys.ts";
import type { Snapshot } from "../support/keyspace.ts";
import { scoreOf, type Meta, type Model, type ModelShard, type ModelTask } from "./model.ts";
import { same } from "./same.ts";

/** What every key must hold, as the model says it; all pending tasks stand in their due sets, and errors are not JSON. */
export function expectedKeyspace(model: Model): Snapshot {
  const snapshot: Snapshot = {};
  const { meta, queue, shards, shardCount } = model;
  if (meta !== undefined) {
    const { profiles } = meta;
    const numbers = [...profiles].map(([number, defaults]) => [
      `number:${profileText(defaults)}`,
      `${number}`,
    ]);
    snapshot["meta"] = {
      ...metaFields(meta, shardCount),
      profiles: String(profiles.size),
      ...Object.fromEntries(numbers),
    };
    snapshot["queues"] = { [queue]: String(shardCount) };
  }
  shards.forEach((shard, index) => {
    for (const [key, fields] of Object.entries(expectedShard(shard, shardCount)))
      if (Object.keys(fields).length > 0) snapshot[`${markOf(index)}${key}`] = fields;
  });
  return snapshot;
}

/** What stands before the key names of a shard. */
export const markOf = (shard: number): string => (shard === 0 ? "" : `${shard}/`);

function expectedShard(shard: ModelShard, shardCount: number): Record<string, Record<string, unknown>> {
  const { ctl, fence, epoch, owner, looksAt } = shard;
  const tasks = [...shard.tasks.values()];
  const where = (isMeant: (task: ModelTask) => boolean, value: (task: ModelTask) => unknown) =>
    Object.fromEntries(tasks.filter(isMeant).map((task) => [task.id, value(task)]));
  const isAt =
    (place: ModelTask["place"]) =>
    (task: ModelTask): boolean =>
      task.place === place;
  const answers = [...shard.calls].filter(([, { answer }]) => answer !== undefined);
  const expected: Record<string, Record<string, unknown>> = {
    tasks: where(() => true, recordOf),
    more: where(
      ({ isChanged }) => isChanged,
      ({ attempts, deaths, dueAtMs }) => `${attempts}:${deaths}:${dueAtMs}`,
    ),
    leased: where(isAt("leased"), scoreOf),
    leases: where(isAt("leased"), ({ lease }) => `${lease?.fence} ${lease?.startedAtMs} ${lease?.worker}`),
    dead: where(isAt("dead"), scoreOf),
    done: where(isAt("done"), scoreOf),
    errors: where(
      ({ error }) => error !== undefined,
      ({ error }) => error,
    ),
    results: where(isAt("done"), ({ result }) => JSON.stringify(result)),
    ctl: ctl === undefined ? {} : metaFields(ctl, shardCount),
    seq: given({ fence, epoch, owner, looksAt: looksAt?.toString() }),
    stats: Object.fromEntries(shard.counters),
    calls: Object.fromEntries([...shard.calls].map(([id, { atMs }]) => [id, atMs])),
    answers: Object.fromEntries(answers.map(([id, { answer }]) => [id, answer])),
    waiting: Object.fromEntries(shard.waiting),
  };
  if (ctl !== undefined)
    Object.assign(
      expected["ctl"] ?? {},
      given({ levels: ctl.levels || undefined, big: ctl.isBig ? "1" : undefined }),
    );
  for (let level = 0; level < LEVELS; level++)
    expected[`due:${level}`] = where((task) => isAt("pending")(task) && task.priority === level, scoreOf);
  return expected;
}

const given = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

function metaFields({ generation, isPaused, profiles }: Meta, shardCount: number): Record<string, string> {
  const fields = [...profiles].map(([number, defaults]) => [`profile:${number}`, profileText(defaults)]);
  return {
    format: "1",
    shards: String(shardCount),
    paused: isPaused ? "1" : "0",
    generation,
    ...Object.fromEntries(fields),
  };
}

/** A snapshot shows long texts by their beginning. */
const SHOWN_MAX = 300;

function recordOf({ profile, priority, addedAtMs, firstDueAtMs, name, overrides, data }: ModelTask): unknown {
  const json = JSON.stringify(data);
  return {
    profile,
    priority,
    addedAtMs,
    dueAtMs: firstDueAtMs,
    name,
    ...(Object.keys(overrides).length > 0 && { overrides }),
    payload: json.length <= SHOWN_MAX ? json : `${json.slice(0, 20)}... (${json.length} characters)`,
  };
}

/** Shows only the keys that differ. */
export function sameKeyspace(actual: Snapshot, expected: Snapshot): void {
  const keys = Object.keys({ ...actual, ...expected }).filter(
    (key) => !isDeepStrictEqual(actual[key], expected[key]),
  );
  const only = (snapshot: Snapshot): unknown => Object.fromEntries(keys.map((key) => [key, snapshot[key]]));
  same("the keyspace", only(actual), only(expected));
}

/** A snapshot with the runways folded back into the due sets, and errors parsed. */
export function folded(snapshot: Snapshot, nowMs: number): Snapshot {
  const result: Snapshot = {};
  const runways: [string, string[]][] = [];
  for (const [key, held] of Object.entries(snapshot)) {
    if (Array.isArray(held)) runways.push([key, held]);
    else if (key.endsWith("errors")) result[key] = parsed(held);
    else result[key] = { ...held };
  }
  for (const [key, ids] of runways) {
    const [, mark = "", level = ""] = /^(\d+\/|)ready:(\d)$/.exec(key) ?? [];
    const due = (result[`${mark}due:${level}`] ??= {}) as Record<string, number>;
    for (const id of ids) {
      due[id] = dueAtMs(snapshot, mark, id);
      if (due[id] > nowMs) throw new Error(`${id} is on the runway before its time`);
    }
  }
  return result;
}

const parsed = (held: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(held).map(([id, json]) => [id, JSON.parse(String(json)) as unknown]));

function dueAtMs(snapshot: Snapshot, mark: string, id: string): number {
  const more = (snapshot[`${mark}more`] as Record<string, string> | undefined)?.[id];
  if (more !== undefined) return Number(more.split(":")[2]);
  return (snapshot[`${mark}tasks`] as Record<string, { dueAtMs: number }> | undefined)?.[id]?.dueAtMs ?? 0;
}
