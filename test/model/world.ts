import { faultsOf, Keyspace, type Snapshot } from "../support/keyspace.ts";
import type { ShardKeys } from "../../src/store/keys.ts";
import { expectedKeyspace, folded, markOf, sameKeyspace } from "./expected-keyspace.ts";
import { Model } from "./model.ts";
import type { Step } from "./operations.ts";
import { Producers } from "./producers.ts";
import { same } from "./same.ts";
import { Schedulers } from "./schedulers.ts";
import { Wire, again, type Answered } from "./wire.ts";
import { Workers } from "./workers.ts";

/**
 * Takes one step after the other on a real queue and on the model, and compares: each answer, and after each step every
 * key. Producers are real; workers and schedulers are played, call by call, so that they can be as late and as wrong as a
 * process that was frozen. Time stands still but for the steps that advance it.
 */
const LEVELS = ["9", "8", "7", "6", "5", "4", "3", "2", "1", "0"];
const CALLS_KEPT_MS = 60_000;
const LEASE_MAX_MS = 3_600_000;
const ROUNDS_MAX = 20;
/** What a verb makes of a task that it finds as it wants it. */
const PLAIN_OUTCOMES = new Set(["cancelled", "rescheduled", "updated", "due", "requeued", "purged"]);
const KEPT_KEYS = ["ctl", "seq", "stats", "meta", "queues"];

export class World {
  readonly keyspace: Keyspace;
  readonly model: Model;
  readonly wire: Wire;
  readonly #producers: Producers;
  readonly #workers: Workers;
  readonly #schedulers: Schedulers;
  #snapshot: Snapshot = {};

  constructor(url: string, shards: number) {
    this.keyspace = new Keyspace(url, shards);
    this.model = new Model(this.keyspace.store.namespace.queue, shards, this.keyspace.clock);
    this.wire = new Wire(this.keyspace, (answered) => this.#remember(answered));
    this.#producers = new Producers(this, url);
    this.#workers = new Workers(this);
    this.#schedulers = new Schedulers(this);
  }

  async step(step: Step): Promise<void> {
    this.wire.isTwice = step.isTwice === true;
    await this.#take(step);
    this.wire.isTwice = false;
    if (this.wire.failure !== undefined) throw this.wire.failure;
    await this.#compare();
  }

  /** Whatever has happened: all that waits can be run, what is dead can be purged, and then nothing is left. */
  async finish(): Promise<void> {
    const { shards } = this.keyspace;
    await this.#producers.addLast();
    await this.step({ do: "resume", by: 0 });
    await this.#producers.runAllNow();
    for (let round = 0; this.#isBusy(); round++) {
      if (round === ROUNDS_MAX) throw new Error("tasks are left that nobody can claim");
      this.keyspace.advance(LEASE_MAX_MS + 1);
      for (const { shard } of shards) {
        await this.#schedulers.tick(0, shard);
        await this.#compare();
        await this.#workers.completeAll(0, shard);
        await this.#compare();
      }
    }
    for (const state of ["dead", "done"] as const)
      await this.step({ do: "purgeAll", by: 0, filter: {}, state });
    for (const { shard } of shards)
      for (const worker of [0, 1]) await this.step({ do: "leave", worker, shard });
    this.keyspace.advance(CALLS_KEPT_MS);
    for (const { shard } of shards) await this.step({ do: "tick", scheduler: 0, shard, tidies: true });

    const left = Object.keys(this.#snapshot).map((key) => key.replace(/^\d+\//, ""));
    same(
      "the keys after all tasks have ended",
      left.filter((key) => !KEPT_KEYS.includes(key)),
      [],
    );
    const { added = 0, completed = 0, cancelled = 0, purged = 0, expired = 0 } = this.model.stats().counters;
    same("how many tasks have ended", completed + cancelled + purged + expired, added);
    await this.step({ do: "obliterate", by: 0, force: false });
    same("the keys after obliterate", this.#snapshot, {});
  }

  async close(): Promise<void> {
    await this.#producers.close();
    this.wire.close();
    const { redis, prefix } = this.keyspace;
    const keys = await redis.keys(`*${prefix}*`);
    if (keys.length > 0) await redis.unlink(keys);
    this.keyspace.close();
  }

  /** The shard that a number of a step means. */
  keys(number: number): ShardKeys {
    const { shards } = this.keyspace;
    return shards[number % shards.length] as ShardKeys;
  }

  /** The ready tasks of a shard in the order of their turns: by level, and within it first the runway, then the due set. */
  line(shard: number): string[] {
    const ids = LEVELS.flatMap((level) => [
      ...Object.values(this.#held(shard, `ready:${level}`)),
      ...Object.keys(this.#held(shard, `due:${level}`)),
    ]) as string[];
    return ids.filter((id) => (this.model.task(id)?.dueAtMs ?? 0) <= this.model.nowMs);
  }

  onRunway(shard: number): number {
    return LEVELS.reduce((sum, level) => sum + Object.keys(this.#held(shard, `ready:${level}`)).length, 0);
  }

  #held(shard: number, name: string): Record<string, unknown> | string[] {
    return this.#snapshot[`${markOf(shard)}${name}`] ?? {};
  }

  async #take(step: Step): Promise<void> {
    switch (step.do) {
      case "advance":
        this.keyspace.advance(step.ms);
        return;
      case "resend":
        return await this.#resend(step.back);
      case "claim":
      case "settle":
      case "extend":
      case "leave":
        return await this.#workers.take(step);
      case "take":
        return await this.#schedulers.take(step.scheduler, this.keys(step.shard).shard);
      case "tick":
        return await this.#schedulers.tick(step.scheduler, this.keys(step.shard).shard, step.tidies);
      case "handOver":
        return await this.#schedulers.handOver(step.scheduler, this.keys(step.shard).shard);
      case "add":
      case "addBulk":
      case "cancel":
      case "reschedule":
      case "update":
      case "runNow":
      case "requeue":
      case "purge":
      case "requeueAll":
      case "purgeAll":
      case "look":
      case "list":
      case "pause":
      case "resume":
      case "obliterate":
      case "export":
      case "restore":
        return await this.#producers.take(step);
    }
  }

  #isBusy(): boolean {
    const { delayed, ready, leased } = this.model.stats();
    return delayed + ready + leased > 0;
  }

  /** The same call once more, some seconds late: it must answer as it did (but for what the shard holds by now), and change nothing. */
  async #resend(back: number): Promise<void> {
    const { tape } = this.wire;
    const recent = tape.filter(({ atMs }) => atMs > this.model.nowMs - CALLS_KEPT_MS);
    const call = recent[recent.length - 1 - (back % recent.length)];
    if (call === undefined) return;
    const { name } = call.script.definition;
    const { shard } = call.keys as ShardKeys;
    if (name === "add") {
      const held = this.model.shard(shard).tasks.size;
      return await this.wire.resend(call, { ...call.reply, held });
    }
    if (name !== "claim") return await this.wire.resend(call, call.reply);
    const { calls, tasks } = this.model.shard(shard);
    const remembered = calls.get(String(call.args["worker"]));
    const last = remembered?.answer?.[0];
    if (remembered === undefined || last === undefined) return;
    if (last !== call.args["number"]) return await this.wire.resend(call, { word: "STALE" });
    const expected = again(call) as { fence: string; claimed: { id: string }[] };
    const endMs = remembered.atMs + Number(call.args["leaseMs"]);
    const claimed = expected.claimed.filter(({ id }) => {
      const lease = tasks.get(id)?.lease;
      return lease?.fence === expected.fence && lease.deadlineMs === endMs;
    });
    return await this.wire.resend(call, { ...expected, claimed });
  }

  #remember({ args, keys, reply }: Answered): void {
    const { callId } = args;
    if (callId === undefined) return;
    const { shard } = keys as ShardKeys;
    const remember = (plain: unknown[], rest: readonly unknown[], isPlain: boolean): void =>
      this.model.remember(shard, String(callId), isPlain ? undefined : [...plain, ...rest]);
    const indexes = (reply["existed"] ?? reply["refused"]) as readonly unknown[];
    if (reply.word === "ADDED")
      remember(["ADDED", reply["nowMs"], reply["held"]], indexes, indexes.length === 0);
    if (reply.word === "RESTORED") remember(["RESTORED"], indexes, indexes.length === 0);
    if (reply.word === "SETTLED") remember(["SETTLED"], indexes, indexes.length === 0);
    if (reply.word === "OUTCOMES") {
      const outcomes = reply["outcomes"] as string[];
      const isPlain = outcomes.every((outcome) => PLAIN_OUTCOMES.has(outcome));
      this.model.remember(shard, String(callId), isPlain ? undefined : outcomes.join(" "));
    }
  }

  async #compare(): Promise<void> {
    this.#snapshot = await this.keyspace.snapshot();
    for (const { shard } of this.keyspace.shards)
      same(`the faults of shard ${shard}`, faultsOf(this.#snapshot, markOf(shard)), []);
    sameKeyspace(folded(this.#snapshot, this.model.nowMs), expectedKeyspace(this.model));
  }
}
