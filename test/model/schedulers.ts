import { within } from "../../src/store/queue-store.ts";
import { same } from "./same.ts";
import type { World } from "./world.ts";

/** Two schedulers that know nothing of each other, so both may believe to own a shard. Each knows an epoch at most. */
interface PlayedScheduler {
  readonly name: string;
  readonly epochs: Map<number, string>;
  /** The last epoch that it was told, its own or not. */
  readonly seen: Map<number, string>;
}

const TRIES_MAX = 3;

export class Schedulers {
  readonly #world: World;
  readonly #schedulers: readonly PlayedScheduler[];

  constructor(world: World) {
    this.#world = world;
    this.#schedulers = ["scheduler-0", "scheduler-1"].map((name) => ({
      name,
      epochs: new Map<number, string>(),
      seen: new Map<number, string>(),
    }));
  }

  /** Tries once, whether it owns the shard or not. */
  async take(index: number, shard: number): Promise<void> {
    await this.#take(this.#schedulers[index] as PlayedScheduler, shard);
  }

  /** Ticks under the epoch that it knows, which may be old; takes the shard first if it knows none. */
  async tick(index: number, shard: number, tidies = true): Promise<void> {
    const scheduler = this.#schedulers[index] as PlayedScheduler;
    for (let tries = 0; tries < TRIES_MAX && !scheduler.epochs.has(shard); tries++)
      await this.#take(scheduler, shard);
    const { keyspace, model } = this.#world;
    const epoch = scheduler.epochs.get(shard) ?? "0";
    const reply = await keyspace.store.tick(this.#world.keys(shard), epoch, tidies, within());
    const expected = model.tick(shard, epoch, tidies, this.#world.onRunway(shard));
    if (expected.word !== "TICKED") same("what tick answered", reply, expected);
    else {
      const orNone = (ms: number): number => (Number.isFinite(ms) ? ms : -1);
      const { nextDueMs, nextWakeMs } = expected;
      const times = { nextDueMs: orNone(nextDueMs), nextWakeMs: orNone(nextWakeMs) };
      same("what tick answered", reply, { ...expected, ...times });
    }
    if (reply.word === "STALE") scheduler.seen.set(shard, reply.epoch);
    if (reply.word !== "TICKED") scheduler.epochs.delete(shard);
  }

  async handOver(index: number, shard: number): Promise<void> {
    const { name, epochs } = this.#schedulers[index] as PlayedScheduler;
    await this.#world.keyspace.store.leaveShard(this.#world.keys(shard), name, within());
    this.#world.model.leave(shard, name);
    epochs.delete(shard);
  }

  async #take({ name, epochs, seen }: PlayedScheduler, shard: number): Promise<void> {
    const seenEpoch = seen.get(shard) ?? "0";
    const { store } = this.#world.keyspace;
    const reply = await store.takeShard(this.#world.keys(shard), name, seenEpoch, within());
    same("what take-shard answered", reply, this.#world.model.take(shard, name, seenEpoch));
    if (reply.word !== "NO_QUEUE") seen.set(shard, reply.epoch);
    if (reply.word === "TAKEN") epochs.set(shard, reply.epoch);
  }
}
