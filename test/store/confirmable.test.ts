import { expect, test } from "vitest";
import type { ArgsOf, Script, ScriptDefinition } from "../../src/store/script.ts";
import * as scripts from "../../src/store/scripts.ts";
import { addItems, openKeyspace, type Keyspace } from "../support/keyspace.ts";
import { useOwnRedis } from "./own-redis.ts";

/*
 * WAIT tells how many replicas have what was written before on its own connection. A call that is acknowledged though it
 * wrote nothing there would be confirmed by nobody: so every script behind `durability` writes, whatever it answers.
 */
const ownRedis = useOwnRedis();

/** How much Redis has written; what it counts it also sends to its replicas. */
async function writes(): Promise<number> {
  const info = await ownRedis().admin.info("persistence");
  return Number(/rdb_changes_since_last_save:(\d+)/.exec(info)?.[1]);
}

interface Case {
  readonly title: string;
  readonly script: Script;
  readonly args?: object;
  readonly items?: readonly (string | number)[];
  readonly expects: object;
}

function of<D extends ScriptDefinition>(
  title: string,
  script: Script<D>,
  args: Partial<ArgsOf<D>>,
  items: readonly (string | number)[],
  expects: object,
): Case {
  return { title, script: script as unknown as Script, args, items, expects };
}

const CASES: readonly Case[] = [
  of("an id that exists", scripts.add, { profile: 1 }, addItems([{ id: "a" }]), { existed: [0] }),
  of("a task that is gone", scripts.cancel, {}, ["none", 0], { outcomes: ["missing"] }),
  of("a task that is gone", scripts.reschedule, {}, ["none", "+5"], { outcomes: ["missing"] }),
  of("a task that is gone", scripts.update, {}, ["none", "1"], { outcomes: ["missing"] }),
  of("a task that is due", scripts.runNow, {}, ["a"], { outcomes: ["due"] }),
  of("a task that is ready", scripts.requeue, {}, ["a"], { outcomes: ["ready"] }),
  of("a task that is ready", scripts.purge, {}, ["a"], { outcomes: ["ready"] }),
  of("a queue that is not paused", scripts.setPaused, { paused: 0, restoring: "" }, [], { word: "SET" }),
  of("what the shard has", scripts.copyCtl, { generation: 1, shards: 1, paused: 0 }, [], { word: "NEWER" }),
  of("what the shard has", scripts.copyCtl, { generation: 9e15, shards: 1, paused: 0 }, [], {
    word: "COPIED",
  }),
  of("a queue that is known", scripts.register, { shards: 1, fallback: 1, profile: "{}" }, [], {
    word: "REGISTERED",
  }),
  of("a queue that is listed", scripts.enlist, { queue: "mails", shards: 1 }, [], { word: "ENLISTED" }),
  of("a queue that is not listed", scripts.enlist, { queue: "others", shards: 0 }, [], { word: "ENLISTED" }),
  of("a queue that is gone", scripts.wipeMeta, {}, [], { word: "WIPED" }),
  of("a shard that is gone", scripts.wipeShard, {}, [], { word: "WIPED" }),
];

const send = async (keyspace: Keyspace, { script, args = {}, items = [] }: Case, callId: string) =>
  await keyspace.run(script, script.definition.args.includes("callId") ? { ...args, callId } : args, [
    ...items,
  ]);

test.each(CASES)(
  "$script.definition.name writes when it finds $title, and when it is sent again",
  async (one) => {
    const keyspace = await openKeyspace({ url: ownRedis().url });
    await keyspace.add({ id: "a" });
    await send(keyspace, one, "first");
    const before = await keyspace.snapshot();
    for (const callId of ["second", "second"]) {
      const count = await writes();
      expect(await send(keyspace, one, callId)).toMatchObject(one.expects);
      expect(await writes()).toBeGreaterThan(count);
    }
    // Nothing but what shows that it was called.
    const { meta, ctl, ...changed } = await keyspace.changes(before);
    const isGeneration = { generation: expect.anything() as unknown };
    for (const hash of [meta, ctl]) expect([undefined, isGeneration]).toContainEqual(hash);
    expect(Object.keys(changed).filter((key) => key !== "calls" && key !== "answers")).toEqual([]);
  },
);
