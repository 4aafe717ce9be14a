import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as scripts from "../../src/store/scripts.ts";
import {
  addItems,
  ERROR,
  faultsOf,
  openKeyspace,
  type Keyspace,
  type Snapshot,
} from "../support/keyspace.ts";

/**
 * Whatever is done in whatever order, after every step each task is in exactly one place, the counters add up, and a step
 * that is sent again changes nothing.
 */
const IDS = ["a", "b", "c", "d", "e"];
const OUTCOMES = ["keep", "retry", "bury", "release", "postpone"];

interface Step {
  readonly verb: string;
  readonly id: string;
  readonly ms: number;
  readonly choice: number;
}

const steps = () =>
  fc.array(
    fc.record<Step>({
      verb: fc.constantFrom(
        "add",
        "add",
        "claim",
        "claim",
        "settle",
        "settle",
        "settle",
        "tick",
        "tick",
        "cancel",
        "reschedule",
        "update",
        "runNow",
        "requeue",
        "purge",
        "extend",
        "pause",
        "wait",
      ),
      id: fc.constantFrom(...IDS),
      ms: fc.integer({ min: 0, max: 2000 }),
      choice: fc.integer({ min: 0, max: 9 }),
    }),
    { minLength: 10, maxLength: 60 },
  );

/** The state that steps share: who claimed what, and how often. */
interface Walk {
  readonly keyspace: Keyspace;
  readonly epoch: string;
  fence: string;
  claims: number;
  calls: number;
}

/** What a step sends; sent twice, the second must change nothing. */
function sending(walk: Walk, { verb, id, ms, choice }: Step): () => Promise<unknown> {
  const { keyspace } = walk;
  const callId = `x${++walk.calls}`;
  switch (verb) {
    case "add": {
      const items = addItems([{ id, delay: ms, priority: choice }]);
      return async () => await keyspace.run(scripts.add, { callId, profile: 1 }, items);
    }
    case "claim": {
      const args = { worker: "w1", number: ++walk.claims, leaseMs: 500 + ms, count: choice };
      return async () => {
        const reply = await keyspace.run(scripts.claim, args);
        if (reply.word === "CLAIMED" && reply.claimed.length > 0) walk.fence = reply.fence;
        return reply;
      };
    }
    case "settle": {
      const outcome = OUTCOMES[choice % OUTCOMES.length] ?? "";
      const isAck = choice > 7;
      const item = isAck ? [walk.fence, 1, id] : [outcome, id, walk.fence, ms, ERROR];
      return async () => await keyspace.run(scripts.settle, { callId, acks: isAck ? 1 : 0 }, item);
    }
    case "tick":
      return async () => await keyspace.tick(walk.epoch);
    case "extend":
      return async () => await keyspace.run(scripts.extend, { leaseMs: ms }, [id, walk.fence]);
    case "cancel":
      return async () => await keyspace.run(scripts.cancel, { callId }, [id, choice % 2]);
    case "reschedule":
      return async () => await keyspace.run(scripts.reschedule, { callId }, [id, `+${ms}`]);
    case "update":
      return async () => await keyspace.run(scripts.update, { callId }, [id, "[1]"]);
    case "runNow":
      return async () => await keyspace.run(scripts.runNow, { callId }, [id]);
    case "requeue":
      return async () => await keyspace.run(scripts.requeue, { callId }, [id]);
    case "purge":
      return async () => await keyspace.run(scripts.purge, { callId }, [id]);
    default:
      return async () => await Promise.resolve();
  }
}

async function take(walk: Walk, step: Step): Promise<void> {
  const { keyspace } = walk;
  if (step.verb === "pause") await keyspace.pause(step.choice % 2 === 0);
  if (step.verb === "wait") keyspace.advance(step.ms);
  const send = sending(walk, step);
  await send();
  const after = await keyspace.snapshot();
  expect(faultsOf(after)).toEqual([]);
  await send();
  expect(await keyspace.changes(after)).toEqual({});
}

async function countersOf(keyspace: Keyspace): Promise<Snapshot[string]> {
  return (await keyspace.snapshot())["stats"] ?? {};
}

describe("any sequence of verbs", () => {
  test("leaves every task in one place and the counters adding up, after each step", async () => {
    await fc.assert(
      fc.asyncProperty(steps(), async (sequence) => {
        const keyspace = await openKeyspace({ defaults: { attempts: 3, deathsMax: 2 } });
        const epoch = await keyspace.takeShard();
        const walk: Walk = { keyspace, epoch, fence: "1", claims: 0, calls: 0 };
        for (const step of sequence) await take(walk, step);
      }),
      { numRuns: 25 },
    );
  });

  test("counts each way that a task can end", async () => {
    const keyspace = await openKeyspace({ defaults: { attempts: 1 } });
    const epoch = await keyspace.takeShard();
    await keyspace.complete({ id: "kept" });
    const fence = await keyspace.lease({ id: "acked" });
    await keyspace.run(scripts.settle, { acks: 1 }, [fence, 1, "acked"]);
    await keyspace.bury({ id: "purged" }, { id: "requeued" });
    await keyspace.run(scripts.purge, {}, ["purged", "kept"]);
    await keyspace.run(scripts.requeue, {}, ["requeued"]);
    await keyspace.claim(1);
    keyspace.advance(1000);
    await keyspace.tick(epoch);
    await keyspace.add({ id: "cancelled" });
    await keyspace.run(scripts.cancel, {}, ["cancelled", 0]);
    expect(await countersOf(keyspace)).toEqual({
      added: 5,
      completed: 2,
      failed: 2,
      dead: 3,
      requeued: 1,
      cancelled: 1,
      purged: 1,
    });
  });
});

describe("the check of a shard", () => {
  test.each<{ what: string; broken: Snapshot; finds: RegExp }>([
    { what: "a record without a place", broken: { tasks: { a: {} } }, finds: /has a record and no place/ },
    { what: "a place without a record", broken: { dead: { a: 1 } }, finds: /has no record/ },
    {
      what: "a task in two places",
      broken: { tasks: { a: {} }, dead: { a: 1 }, "ready:0": ["a"], ctl: { levels: "0" } },
      finds: /a is in ready:0 and dead/,
    },
    {
      what: "a task twice on a runway",
      broken: { tasks: { a: {} }, "ready:0": ["a", "a"], ctl: { levels: "0" } },
      finds: /a is in ready:0 and ready:0/,
    },
    {
      what: "a lease without a deadline",
      broken: { tasks: { a: {} }, leases: { a: "" }, done: { a: 1 }, results: { a: "" } },
      finds: /a is in leases, not in leased/,
    },
    {
      what: "a task of another level",
      broken: { tasks: { a: { priority: 2 } }, "due:1": { a: 1 }, ctl: { levels: "21" } },
      finds: /a is of priority 2 and in due:1/,
    },
    {
      what: "a level that no claim looks at",
      broken: { tasks: { a: { priority: 2 } }, "due:2": { a: 1 }, ctl: { levels: "1" } },
      finds: /level 2, which is not in use/,
    },
    {
      what: "facts that were left behind",
      broken: { more: { a: "1:0:0" } },
      finds: /a is in more, not in tasks/,
    },
    {
      what: "counters that do not add up",
      broken: { stats: { added: 3, completed: 1, cancelled: 1 } },
      finds: /3 were added, 2 have ended, 0 are here/,
    },
  ])("finds $what", ({ broken, finds }) => {
    expect(faultsOf(broken)).toContainEqual(expect.stringMatching(finds));
  });
});
