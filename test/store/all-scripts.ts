import { profileNumber } from "../support/profile-number.ts";
import type { Arg, ArgsOf, Script, ScriptDefinition } from "../../src/store/script.ts";
import * as scripts from "../../src/store/scripts.ts";
import { addItems, ERROR, type Keyspace } from "../support/keyspace.ts";

/** One telling call of every script, on a queue made by `prepare`: each changes something, or reads something. */
export interface Call {
  readonly name: string;
  readonly send: (keyspace: Keyspace, made: Prepared) => Promise<{ readonly word: string }>;
  readonly expects: object;
}

export interface Prepared {
  readonly fence: string;
  readonly epoch: string;
}

/** A queue with a task in every state, an owner, and two workers that wait. */
export async function prepare(keyspace: Keyspace): Promise<Prepared> {
  await keyspace.bury({ id: "dead1" }, { id: "dead2" });
  await keyspace.complete({ id: "done" });
  const fence = await keyspace.lease({ id: "leased1" }, { id: "leased2" });
  await keyspace.add({ id: "d1", delay: 9000 }, { id: "d2", delay: 9000 }, { id: "d3", delay: 9000 });
  const epoch = await keyspace.takeShard("s1");
  await keyspace.claim(1, "w8");
  await keyspace.claim(1, "w9");
  return { fence, epoch };
}

function call<D extends ScriptDefinition>(
  script: Script<D>,
  args: Partial<ArgsOf<D>>,
  items: readonly Arg[],
  expects: object,
): Call {
  const send = async (keyspace: Keyspace) => (await keyspace.run(script, args, items)) as { word: string };
  return { name: script.definition.name, send, expects };
}

export const CALLS: readonly Call[] = [
  call(scripts.register, { shards: 0, fallback: 1, profile: '{"attempts":3}' }, [], {
    profile: profileNumber('{"attempts":3}'),
  }),
  call(scripts.enlist, { queue: "mails", shards: 1 }, [], { word: "ENLISTED" }),
  call(scripts.noteExport, {}, [], { word: "NOTED" }),
  call(scripts.setPaused, { paused: 0, restoring: "" }, [], { word: "SET" }),
  call(scripts.copyCtl, { generation: 9e15, shards: 1, paused: 0 }, [9, "{}"], { word: "COPIED" }),
  call(scripts.add, { profile: 1 }, addItems([{ id: "new" }, { id: "later", delay: 5 }]), {
    existed: [],
  }),
  call(scripts.update, {}, ["d1", '"x"'], { outcomes: ["updated"] }),
  call(scripts.reschedule, {}, ["d1", "+1"], { outcomes: ["rescheduled"] }),
  call(scripts.runNow, {}, ["d2"], { outcomes: ["due"] }),
  call(scripts.cancel, {}, ["d3", 0], { outcomes: ["cancelled"] }),
  call(scripts.requeue, {}, ["dead1"], { outcomes: ["requeued"] }),
  call(scripts.purge, {}, ["dead2"], { outcomes: ["purged"] }),
  {
    name: "extend",
    send: async (keyspace, { fence }) =>
      await keyspace.run(scripts.extend, { leaseMs: 9000 }, ["leased1", fence]),
    expects: { lost: [] },
  },
  {
    name: "settle",
    send: async (keyspace, { fence }) =>
      await keyspace.run(scripts.settle, { acks: 1 }, [
        fence,
        1,
        "leased1",
        "retry",
        "leased2",
        fence,
        5,
        ERROR,
      ]),
    expects: { refused: [] },
  },
  {
    name: "tick",
    send: async (keyspace, { epoch }) => {
      keyspace.advance(9000);
      return await keyspace.tick(epoch);
    },
    expects: { word: "TICKED" },
  },
  call(scripts.claim, { worker: "w2", number: 1, leaseMs: 1000, count: 1 }, [], { word: "CLAIMED" }),
  call(scripts.get, {}, ["d1"], { tasks: [{}] }),
  {
    name: "list",
    send: async (keyspace) =>
      await keyspace.store.page({ scored: keyspace.keys.done, range: "all" }, undefined, 10),
    expects: { word: "PAGE" },
  },
  call(scripts.restore, {}, ["old", 1, addItems([{ id: "old" }])[1] ?? "", "due", 0, "", "", ""], {
    word: "RUNNING",
  }),
  call(scripts.walk, { cursor: "0", server: "", limit: 100 }, [], { word: "PAGE", cursor: "0" }),
  call(scripts.counts, {}, [], { word: "COUNTS" }),
  call(scripts.lookShard, { sinceMs: 1000 }, [], { word: "SHARD", owner: "s1" }),
  call(scripts.dueBefore, {}, [0], { word: "COUNTED" }),
  call(scripts.beat, { member: "m1", ttlMs: 3000, memberFacts: "{}", generation: 0 }, [], {
    word: "MEMBERS",
  }),
  {
    name: "take-shard",
    send: async (keyspace, { epoch }) =>
      await keyspace.run(scripts.takeShard, { scheduler: "s2", seenEpoch: epoch }),
    expects: { word: "TAKEN" },
  },
  call(scripts.leaveShard, { member: "s2" }, [], { word: "LEFT" }),
  call(scripts.wipeShard, {}, [], { word: "WIPED" }),
  call(scripts.wipeMeta, {}, [], { word: "WIPED" }),
];
