import fc from "fast-check";
import type { KeptOptions } from "../../src/core/options.ts";
import type { TaskState } from "../../src/core/task.ts";
import type { End } from "./model.ts";

/**
 * One step of a random run, as plain data, so that it shrinks and prints well. Who, where and which are numbers that are
 * taken modulo how many there are: a step keeps a meaning when those before it go away.
 */
export type Due = { readonly delay: number } | { readonly inMs: number };

export interface TaskStep {
  /** Undefined: generated. */
  readonly id: string | undefined;
  readonly name: string;
  readonly due: Due;
  readonly priority: number;
  readonly isBig: boolean;
  readonly given: Partial<KeptOptions>;
}

export interface FilterStep {
  readonly name?: string;
  readonly error?: string;
  readonly limit?: number;
}

export interface EndStep {
  /** Which of its tasks; the first of a step says the shard. */
  readonly grip: number;
  /** Among those whose lease this worker has ended already. */
  readonly isPast: boolean;
  readonly end: End;
}

export type Operation =
  | { readonly do: "advance"; readonly ms: number }
  | { readonly do: "add" | "addBulk"; readonly by: number; readonly tasks: readonly TaskStep[] }
  | { readonly do: "cancel"; readonly by: number; readonly ids: readonly number[]; readonly abort: boolean }
  | { readonly do: "reschedule"; readonly by: number; readonly ids: readonly number[]; readonly due: Due }
  | { readonly do: "update"; readonly by: number; readonly ids: readonly number[]; readonly isBig: boolean }
  | { readonly do: "runNow"; readonly by: number; readonly ids: readonly number[] }
  | { readonly do: "requeue" | "purge"; readonly by: number; readonly ids: readonly number[] }
  | { readonly do: "requeueAll"; readonly by: number; readonly filter: FilterStep }
  | {
      readonly do: "purgeAll";
      readonly by: number;
      readonly filter: FilterStep;
      readonly state: "dead" | "done";
    }
  | { readonly do: "look"; readonly by: number; readonly ids: readonly number[] }
  | {
      readonly do: "list";
      readonly by: number;
      readonly state: TaskState;
      readonly limit: number | undefined;
    }
  | { readonly do: "pause" | "resume"; readonly by: number }
  | { readonly do: "export" | "restore"; readonly by: number }
  | { readonly do: "obliterate"; readonly by: number; readonly force: boolean }
  | {
      readonly do: "claim";
      readonly worker: number;
      readonly shard: number;
      readonly count: number;
      readonly leaseMs: number;
      readonly number: "next" | "same" | "older";
    }
  | { readonly do: "settle"; readonly worker: number; readonly ends: readonly EndStep[] }
  | { readonly do: "extend"; readonly worker: number; readonly grip: number; readonly leaseMs: number }
  | { readonly do: "leave"; readonly worker: number; readonly shard: number }
  | { readonly do: "take" | "handOver"; readonly scheduler: number; readonly shard: number }
  | { readonly do: "tick"; readonly scheduler: number; readonly shard: number; readonly tidies: boolean }
  | { readonly do: "resend"; readonly back: number };

/** Whether every call of the step is sent twice. */
export type Step = Operation & { readonly isTwice?: true };

/** How a run begins. */
export interface Scene {
  readonly shards: number;
  readonly steps: readonly Step[];
}

export const IDS = ["a", "b", "c", "ü/{x}:1 "];
const STEPS_MAX = 60;

const one = fc.nat(1);
const shard = fc.nat(3);
const which = fc.nat(7);
const ids = fc.array(which, { minLength: 1, maxLength: 3 });
const leaseMs = fc.constantFrom(1000, 5000, 15_000, 3_600_000);
const waitMs = fc.constantFrom(0, 1, 10, 1000, 4000, 60_000, 3_600_000);

const due: fc.Arbitrary<Due> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({ delay: 0 }) },
  { weight: 2, arbitrary: fc.record({ delay: waitMs }) },
  { weight: 1, arbitrary: fc.record({ inMs: fc.constantFrom(-86_400_000, -1, 0, 1, 5000) }) },
);

const given: fc.Arbitrary<Partial<KeptOptions>> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc.record(
      {
        attempts: fc.constantFrom(1, 2, 3),
        deathsMax: fc.constantFrom(1, 2, 3),
        keepResultMs: fc.constantFrom(0, 10, 60_000),
        expireMs: fc.constantFrom(0, 1, 5000, 60_000),
        backoff: fc.constantFrom(
          { type: "fixed", delay: 0, maxDelayMs: 1000, jitter: 0 } as const,
          { type: "exponential", delay: 10, maxDelayMs: 86_400_000, jitter: 0 } as const,
        ),
      },
      { requiredKeys: [] },
    ),
  },
);

const rarely = fc.constantFrom(false, false, false, false, false, false, false, true);

const task: fc.Arbitrary<TaskStep> = fc.record({
  id: fc.oneof(fc.constant(undefined), fc.constantFrom(...IDS)),
  name: fc.constantFrom("mail", "fax"),
  due,
  priority: fc.constantFrom(0, 0, 5, 9),
  isBig: rarely,
  given,
});

const filter: fc.Arbitrary<FilterStep> = fc.record(
  { name: fc.constantFrom("mail", "fax"), error: fc.constantFrom("no", "never", "Lease"), limit: fc.nat(2) },
  { requiredKeys: [] },
);

const end: fc.Arbitrary<End> = fc.oneof(
  fc.constantFrom(
    ...(["complete", "complete", "fail", "timeOut", "giveUp", "release"] as const).map((kind) => ({ kind })),
  ),
  fc.record({ kind: fc.constant("later" as const), ms: waitMs }),
);

const operations = {
  advance: {
    weight: 24,
    arbitrary: fc.record({
      do: fc.constant("advance"),
      ms: fc.constantFrom(1, 10, 1000, 5000, 15_000, 61_000, 3_600_000),
    }),
  },
  add: {
    weight: 28,
    arbitrary: fc.record({
      do: fc.constant("add"),
      by: one,
      tasks: fc.array(task, { minLength: 1, maxLength: 3 }),
    }),
  },
  addBulk: {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant("addBulk"), by: one, tasks: fc.array(task, { maxLength: 6 }) }),
  },
  cancel: {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant("cancel"), by: one, ids, abort: fc.boolean() }),
  },
  reschedule: { weight: 8, arbitrary: fc.record({ do: fc.constant("reschedule"), by: one, ids, due }) },
  update: { weight: 6, arbitrary: fc.record({ do: fc.constant("update"), by: one, ids, isBig: rarely }) },
  runNow: { weight: 6, arbitrary: fc.record({ do: fc.constant("runNow"), by: one, ids }) },
  revive: {
    weight: 12,
    arbitrary: fc.record({ do: fc.constantFrom("requeue", "requeue", "purge"), by: one, ids }),
  },
  requeueAll: { weight: 6, arbitrary: fc.record({ do: fc.constant("requeueAll"), by: one, filter }) },
  purgeAll: {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("purgeAll"),
      by: one,
      filter,
      state: fc.constantFrom("dead", "done"),
    }),
  },
  look: { weight: 4, arbitrary: fc.record({ do: fc.constant("look"), by: one, ids }) },
  list: {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("list"),
      by: one,
      state: fc.constantFrom("delayed", "ready", "leased", "dead", "done"),
      limit: fc.option(fc.nat(3), { nil: undefined }),
    }),
  },
  setPaused: {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom("pause", "resume", "resume"), by: one }),
  },
  backup: {
    weight: 10,
    arbitrary: fc.record({ do: fc.constantFrom("export", "restore"), by: one }),
  },
  obliterate: {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("obliterate"), by: one, force: fc.boolean() }),
  },
  claim: {
    weight: 40,
    arbitrary: fc.record({
      do: fc.constant("claim"),
      worker: one,
      shard,
      count: fc.constantFrom(0, 1, 2, 3, 50),
      leaseMs,
      number: fc.constantFrom("next", "next", "next", "next", "next", "same", "older"),
    }),
  },
  settle: {
    weight: 32,
    arbitrary: fc.record({
      do: fc.constant("settle"),
      worker: one,
      ends: fc.array(fc.record({ grip: fc.nat(3), isPast: rarely, end }), { minLength: 1, maxLength: 3 }),
    }),
  },
  extend: {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant("extend"), worker: one, grip: fc.nat(3), leaseMs }),
  },
  leave: { weight: 2, arbitrary: fc.record({ do: fc.constant("leave"), worker: one, shard }) },
  tick: {
    weight: 22,
    arbitrary: fc.record({ do: fc.constant("tick"), scheduler: one, shard, tidies: fc.boolean() }),
  },
  own: {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom("take", "handOver"), scheduler: one, shard }),
  },
  resend: { weight: 12, arbitrary: fc.record({ do: fc.constant("resend"), back: fc.nat(9) }) },
} satisfies Record<string, { weight: number; arbitrary: fc.Arbitrary<Operation> }>;

const operation: fc.Arbitrary<Operation> = fc.oneof(...Object.values(operations));

const step: fc.Arbitrary<Step> = fc
  .tuple(operation, rarely)
  .map(([operation, isTwice]) => (isTwice ? { ...operation, isTwice } : operation));

/** Mostly tasks come first: little happens in a queue that is not there. */
const steps = fc
  .tuple(
    fc.oneof({ weight: 5, arbitrary: operations.addBulk.arbitrary }, { weight: 1, arbitrary: step }),
    fc.array(step, { maxLength: STEPS_MAX, size: "max" }),
  )
  .map(([first, rest]): Step[] => [first, ...rest]);

export const scene: fc.Arbitrary<Scene> = fc.record({ shards: fc.constantFrom(1, 1, 1, 2, 4), steps });
