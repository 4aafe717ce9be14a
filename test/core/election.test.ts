import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ACTIVE_MAX,
  candidatesOf,
  isWanted,
  ownersOf,
  type Candidate,
} from "../../src/scheduler/election.ts";
import { byRank } from "../../src/scheduler/rendezvous.ts";
import type { Member } from "../../src/store/member-store.ts";

const member = (id: string, queues: readonly string[], isStandby: boolean): Member => ({
  id,
  role: "scheduler",
  queues,
  host: "h1",
  pid: 1,
  ...(isStandby && { isStandby }),
});

const ranked = (queue: string, ids: readonly string[]): string[] => ids.toSorted(byRank(queue));

describe("an election", () => {
  const [first = "", second = "", third = "", fourth = ""] = ranked("q", ["a", "b", "c", "d"]);
  const active = (id: string): Candidate => ({ id });
  const standby = (id: string): Candidate => ({ id, isStandby: true });
  const wants = (me: Candidate, others: readonly Candidate[]): boolean => isWanted("q", me, [...others, me]);

  test("makes the first two of a queue active, whoever else is", () => {
    expect(wants(standby(first), [active(second), active(third), active(fourth)])).toBe(true);
    expect(wants(standby(second), [active(first), active(third)])).toBe(true);
    expect(wants(standby(third), [active(first), standby(second)])).toBe(false);
  });

  test("makes anyone active who sees no active one", () => {
    expect(wants(standby(fourth), [standby(first), standby(second)])).toBe(true);
    expect(wants(standby(fourth), [standby(first), standby(second), active(third)])).toBe(false);
  });

  test("lets an active one stand back only for two active ones before it", () => {
    expect(wants(active(fourth), [active(third), standby(first), standby(second)])).toBe(true);
    expect(wants(active(third), [active(fourth), standby(first), standby(second)])).toBe(true);
    expect(wants(active(fourth), [active(first), active(third)])).toBe(false);
  });

  test("decides the same, whether one is among the members yet or not", () => {
    expect(isWanted("q", standby(first), [])).toBe(true);
    expect(isWanted("q", standby(third), [active(first), active(second)])).toBe(false);
  });

  test("shares shards among the first two that say that they are active", () => {
    expect(ownersOf("q", [standby(first), active(fourth), active(second), active(third)])).toEqual([
      second,
      third,
    ]);
    expect(ownersOf("q", [standby(first)])).toEqual([]);
  });

  test("is among schedulers that serve the queue; facts that say nothing are those of an active one", () => {
    const candidates = candidatesOf([
      member("a", ["q", "r"], false),
      member("b", ["r"], true),
      { ...member("w", ["q"], false), role: "worker" },
    ]);
    expect([...candidates].map(([queue, of]) => [queue, of.map(({ id }) => id)])).toEqual([
      ["q", ["a"]],
      ["r", ["a", "b"]],
    ]);
  });
});

/** Schedulers that beat in any order; what each sees and says is what one beat brings, as in Redis. */
class Installation {
  readonly members = new Map<string, Member>();
  readonly decided = new Map<string, Member>();
  readonly changes = new Map<string, number>();

  join(id: string, queues: readonly string[], isStandby: boolean): void {
    this.decided.set(id, member(id, queues, isStandby));
  }

  /** It says what it has decided, sees who else lives, and decides anew. */
  beat(id: string): void {
    const me = this.decided.get(id);
    if (me === undefined) return;
    this.members.set(id, me);
    const candidates = candidatesOf([...this.members.values()]);
    const isActive = me.queues.some((queue) => isWanted(queue, me, candidates.get(queue) ?? []));
    if (isActive !== (me.isStandby === true)) return;
    this.decided.set(id, member(id, me.queues, !isActive));
    this.changes.set(id, (this.changes.get(id) ?? 0) + 1);
  }

  /** An active one that dies is taken out soon; a standby is still seen for a while. */
  die(id: string): void {
    this.decided.delete(id);
    if (this.members.get(id)?.isStandby !== true) this.members.delete(id);
  }

  forgetDead(): void {
    for (const id of this.members.keys()) if (!this.decided.has(id)) this.members.delete(id);
  }

  /** All beat until a round changes neither what they say nor what they have decided. */
  settle(): void {
    const picture = (): string => JSON.stringify([...this.decided, ...this.members]);
    for (let round = 0; round < 10; round++) {
      const before = picture();
      for (const id of this.decided.keys()) this.beat(id);
      if (picture() === before) return;
    }
    throw new Error("they do not come to rest");
  }

  activeOf(queue: string): string[] {
    const ofQueue = [...this.decided.values()].filter(({ queues }) => queues.includes(queue));
    return ranked(
      queue,
      ofQueue.filter(({ isStandby }) => isStandby !== true).map(({ id }) => id),
    );
  }

  liveOf(queue: string): string[] {
    const ofQueue = [...this.decided.values()].filter(({ queues }) => queues.includes(queue));
    return ranked(
      queue,
      ofQueue.map(({ id }) => id),
    );
  }
}

describe("an election of many", () => {
  const queueNames = ["q", "r", "s"];
  const scheduler = fc.record({
    queues: fc.subarray(queueNames, { minLength: 1 }),
    isStandby: fc.boolean(),
    isDead: fc.boolean(),
  });
  const scenes = fc.record({
    schedulers: fc.array(scheduler, { minLength: 1, maxLength: 12 }),
    beats: fc.array(fc.nat(11), { maxLength: 100 }),
    prefix: fc.string({ minLength: 1, maxLength: 4 }),
  });

  test("comes to rest with someone active for each queue while the dead are still seen, then with its first two", () => {
    fc.assert(
      fc.property(scenes, ({ schedulers, beats, prefix }) => {
        const installation = new Installation();
        const ids = schedulers.map((_, i) => `${prefix}${i}`);
        for (const [i, { queues, isStandby }] of schedulers.entries())
          installation.join(ids[i] ?? "", queues, isStandby);
        for (const id of ids) installation.members.set(id, installation.decided.get(id) as Member);
        for (const [i, { isDead }] of schedulers.entries()) if (isDead) installation.die(ids[i] ?? "");
        for (const i of beats) installation.beat(ids[i] ?? "");
        installation.settle();
        // Each turns active once and stands back once at most, from whatever they began with.
        expect(Math.max(0, ...installation.changes.values())).toBeLessThanOrEqual(2);
        for (const queue of queueNames)
          expect(installation.activeOf(queue).length > 0).toBe(installation.liveOf(queue).length > 0);

        installation.forgetDead();
        installation.settle();
        for (const queue of queueNames) {
          const live = installation.liveOf(queue);
          const owners = ownersOf(queue, candidatesOf([...installation.members.values()]).get(queue) ?? []);
          expect(owners).toEqual(live.slice(0, ACTIVE_MAX));
        }
        // Nobody is active for nothing.
        for (const { id, queues, isStandby } of installation.decided.values()) {
          const isAmongFirst = queues.some((queue) =>
            installation.liveOf(queue).slice(0, ACTIVE_MAX).includes(id),
          );
          expect(isStandby !== true).toBe(isAmongFirst);
        }
      }),
      { numRuns: 500 },
    );
  });
});
