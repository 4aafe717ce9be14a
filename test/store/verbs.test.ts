import { describe, expect, test } from "vitest";
import type { TaskState } from "../../src/core/task.ts";
import * as scripts from "../../src/store/scripts.ts";
import { addItems, openKeyspace, type Keyspace } from "../support/keyspace.ts";

/**
 * What each verb answers for a task in each state, and for an id that is not there; and what it must never do: change
 * anything where it refuses, or change anything when it is sent again.
 */
type Where = TaskState | "runway" | "missing";

interface Verb {
  readonly name: string;
  readonly send: (keyspace: Keyspace) => Promise<readonly string[]>;
  /** The outcomes that change the task; all others must not. */
  readonly changes: string;
  /** In the order of WHERE. */
  readonly outcomes: readonly string[];
}

const WHERE: readonly Where[] = ["delayed", "ready", "runway", "leased", "dead", "done", "missing"];

/** Puts task "a" where the test wants it; "ready" waits in the due set, "runway" is behind another on it. */
async function setup(where: Where): Promise<Keyspace> {
  const keyspace = await openKeyspace();
  const a = { id: "a", priority: 2 };
  if (where === "delayed") await keyspace.add({ ...a, delay: 5000 });
  if (where === "ready") await keyspace.add(a);
  if (where === "leased") await keyspace.lease(a);
  if (where === "dead") await keyspace.bury(a);
  if (where === "done") await keyspace.complete(a);
  if (where === "runway") {
    await keyspace.add({ id: "Z", priority: 2 }, a);
    await keyspace.tick(await keyspace.takeShard());
  }
  return keyspace;
}

const callId = "again";
const VERBS: readonly Verb[] = [
  {
    name: "add",
    send: async (keyspace) => {
      const reply = await keyspace.run(scripts.add, { callId, profile: 1 }, addItems([{ id: "a" }]));
      return reply.word === "ADDED" ? [reply.existed.length > 0 ? "exists" : "added"] : [reply.word];
    },
    changes: "added",
    outcomes: ["exists", "exists", "exists", "exists", "exists", "exists", "added"],
  },
  {
    name: "cancel",
    send: async (keyspace) => (await keyspace.run(scripts.cancel, { callId }, ["a", 0])).outcomes,
    changes: "cancelled",
    outcomes: ["cancelled", "cancelled", "cancelled", "leased", "dead", "done", "missing"],
  },
  {
    name: "cancel with abort",
    send: async (keyspace) => (await keyspace.run(scripts.cancel, { callId }, ["a", 1])).outcomes,
    changes: "cancelled",
    outcomes: ["cancelled", "cancelled", "cancelled", "cancelled", "dead", "done", "missing"],
  },
  {
    name: "reschedule",
    send: async (keyspace) => (await keyspace.run(scripts.reschedule, { callId }, ["a", "+70"])).outcomes,
    changes: "rescheduled",
    outcomes: ["rescheduled", "rescheduled", "rescheduled", "leased", "dead", "done", "missing"],
  },
  {
    name: "update",
    send: async (keyspace) => (await keyspace.run(scripts.update, { callId }, ["a", "[1]"])).outcomes,
    changes: "updated",
    outcomes: ["updated", "updated", "updated", "leased", "updated", "done", "missing"],
  },
  {
    name: "run-now",
    send: async (keyspace) => (await keyspace.run(scripts.runNow, { callId }, ["a"])).outcomes,
    changes: "due",
    outcomes: ["due", "due", "due", "leased", "dead", "done", "missing"],
  },
  {
    name: "requeue",
    send: async (keyspace) => (await keyspace.run(scripts.requeue, { callId }, ["a"])).outcomes,
    changes: "requeued",
    outcomes: ["delayed", "ready", "ready", "leased", "requeued", "done", "missing"],
  },
  {
    name: "purge",
    send: async (keyspace) => (await keyspace.run(scripts.purge, { callId }, ["a"])).outcomes,
    changes: "purged",
    outcomes: ["delayed", "ready", "ready", "leased", "purged", "purged", "missing"],
  },
];

const ROWS = VERBS.flatMap(({ outcomes, ...verb }) =>
  WHERE.map((where, i) => ({ ...verb, where, outcome: outcomes[i] ?? "" })),
);

describe("after any verb", () => {
  test.each(ROWS)("$name answers $outcome for a task that is $where", async (row) => {
    const keyspace = await setup(row.where);
    const { reply, changes } = await keyspace.watch(async () => row.send(keyspace));
    expect(reply).toEqual([row.outcome]);
    if (row.outcome !== row.changes)
      expect(Object.keys(changes).filter((key) => key !== "calls" && key !== "answers")).toEqual([]);

    keyspace.advance(1);
    const again = await keyspace.watch(async () => row.send(keyspace));
    expect(again.reply).toEqual(reply);
    expect(again.changes).toEqual({});
  });
});
