import { BulkIncompleteError, DelayqError } from "../core/errors.ts";
import { bucketOfShard, generateId, shardOf } from "../core/ids.ts";
import { checkTaskName } from "../core/names.ts";
import { parseAddOptions, type AddOptions, type KeptOptions, type ParsedAdd } from "../core/options.ts";
import { encodeHead } from "../store/codec.ts";
import {
  BATCH_BYTES_MAX,
  WRITE_BATCH_MAX,
  encodeDue,
  within,
  type QueueStore,
} from "../store/queue-store.ts";
import type { CallOptions } from "../store/connection.ts";
import type { Arg } from "../store/script.ts";
import { Batcher, overloaded, type Item } from "./batcher.ts";
import { encodePayload } from "./payload.ts";
import type { Registered, Registration } from "./registration.ts";

/**
 * Takes tasks in. Everything is checked before anything is written. Tasks of one batch get ids whose buckets belong to one
 * shard, then the next shard has its turn: one script call instead of one per shard. A task with an id of the caller's goes
 * where that id belongs.
 */
export interface Prepared {
  readonly name: string;
  readonly json: string;
  readonly options: ParsedAdd;
}

/** What became of one task: when Redis took it, or that its id was taken. */
export interface Added {
  readonly id: string;
  readonly shard: number;
  readonly existed: boolean;
  readonly nowMs: number;
}

type Outcome = Pick<Added, "existed" | "nowMs">;

export interface AdderOptions {
  readonly defaults: KeptOptions;
  readonly payloadMaxBytes: number;
  readonly addTimeoutMs: number;
  readonly waitingMax: number;
}

/** A task on its way, and what was registered when it was made. */
interface AddItem extends Item {
  readonly registered: Registered;
}

/** What goes into one call of `addBulk`. */
interface BulkBatch {
  readonly shard: number;
  readonly args: Arg[];
  readonly ids: string[];
  /** Where in the bulk each stands. */
  readonly indexes: number[];
  bytes: number;
}

const INTRODUCTIONS_MAX = 5;
const BULK_CALLS_MAX = 8;
const HEADS_MAX = 1000;

export class Adder {
  readonly #store: QueueStore;
  readonly #registration: Registration;
  readonly #options: AdderOptions;
  readonly #batcher: Batcher<Outcome, AddItem>;
  readonly #heads = new Map<string, string>();
  #headsProfile = -1;
  #turn = Math.floor(Math.random() * 1024);
  #turnItems = 0;
  #unregistered = 0;

  constructor(store: QueueStore, registration: Registration, options: AdderOptions) {
    this.#store = store;
    this.#registration = registration;
    this.#options = options;
    this.#batcher = new Batcher(async (shard, args, items, callOptions) => {
      const reply = await this.#send(
        shard,
        args,
        (registered) => items.every((item) => isSame(item.registered, registered)),
        callOptions,
      );
      return outcomesOf(items.length, reply);
    }, options.waitingMax);
  }

  /** @throws DelayqError of `DELAYQ_INVALID_*` or `DELAYQ_DATA_TOO_LARGE` */
  prepare(name: unknown, data: unknown, options: AddOptions | undefined): Prepared {
    return {
      name: checkTaskName(name),
      json: encodePayload(data, this.#options.payloadMaxBytes),
      options: parseAddOptions(options, this.#options.defaults),
    };
  }

  /** @throws DelayqError `DELAYQ_OVERLOADED`, `DELAYQ_REDIS_*`, `DELAYQ_UNKNOWN_OUTCOME` */
  async add(prepared: Prepared): Promise<Added> {
    try {
      return await this.#addOnce(prepared);
    } catch (error) {
      if (error instanceof DelayqError && error.code === "DELAYQ_NO_QUEUE")
        return await this.#addOnce(prepared);
      throw error;
    }
  }

  async #addOnce(prepared: Prepared): Promise<Added> {
    const deadlineMs = performance.now() + this.#options.addTimeoutMs;
    const registered = this.#registration.current ?? (await this.#firstRegistered());
    const { shards } = registered;
    const given = prepared.options.id;
    const shard = given === undefined ? this.#shardInTurn(shards) : shardOf(given, shards);
    const id = given ?? generateId(bucketOfShard(shard, shards), Date.now());
    const record = this.#record(prepared, registered);
    const { existed, nowMs } = await this.#batcher.push(shard, {
      args: [id, encodeDue(prepared.options.due), record],
      bytes: bytesOf(record),
      registered,
      deadlineMs,
    });
    return { id, shard, existed, nowMs };
  }

  /** @throws BulkIncompleteError unless all were added or had been there */
  async addBulk(prepared: readonly Prepared[]): Promise<Added[]> {
    if (prepared.length === 0) return [];
    const registered = await this.#registration.ensure();
    const added: (Added | undefined)[] = prepared.map(() => undefined);
    const refused: string[] = [];
    const unknown: string[] = [];
    let cause: unknown;
    const batches = this.#cut(prepared, registered);
    const lane = async (): Promise<void> => {
      for (let batch = batches.next(); batch.done !== true; batch = batches.next()) {
        const { shard, args, ids, indexes } = batch.value;
        try {
          const options = within(this.#options.addTimeoutMs);
          const { nowMs, existed } = await this.#send(shard, args, (now) => isSame(now, registered), options);
          indexes.forEach((index, i) => {
            added[index] = { id: ids[i] ?? "", shard, existed: false, nowMs };
          });
          for (const i of existed) added[indexes[i] ?? 0] = { id: ids[i] ?? "", shard, existed: true, nowMs };
        } catch (error) {
          cause = error;
          (isUnknown(error) ? unknown : refused).push(...ids);
        }
      }
    };
    await Promise.all(Array.from({ length: BULK_CALLS_MAX }, lane));
    const whole = added.filter((one) => one !== undefined);
    if (whole.length === prepared.length) return whole;
    throw new BulkIncompleteError({ added: whole.map(({ id }) => id), refused, unknown }, cause);
  }

  /** Cuts lazily: a batch is made when its turn comes. */
  *#cut(prepared: readonly Prepared[], registered: Registered): Generator<BulkBatch> {
    const { shards } = registered;
    const open = new Map<number, BulkBatch>();
    for (const [index, one] of prepared.entries()) {
      const given = one.options.id;
      const shard = given === undefined ? this.#turn % shards : shardOf(given, shards);
      const id = given ?? generateId(bucketOfShard(shard, shards), Date.now());
      const record = this.#record(one, registered);
      let batch = open.get(shard);
      if (
        batch !== undefined &&
        (batch.ids.length === WRITE_BATCH_MAX || batch.bytes + bytesOf(record) > BATCH_BYTES_MAX)
      ) {
        yield batch;
        batch = undefined;
      }
      if (batch === undefined) open.set(shard, (batch = { shard, args: [], ids: [], indexes: [], bytes: 0 }));
      batch.args.push(id, encodeDue(one.options.due), record);
      batch.ids.push(id);
      batch.indexes.push(index);
      batch.bytes += bytesOf(record);
      if (given === undefined && batch.ids.length === WRITE_BATCH_MAX) this.#turn++;
    }
    yield* open.values();
    this.#turn++;
  }

  /** Without its times, which the script puts in. */
  #record({ name, json, options }: Prepared, { profile }: Registered): string {
    return this.#head(name, options, profile) + json;
  }

  /** A new shard's turn comes when the batch of the last one has gone. */
  #shardInTurn(shards: number): number {
    const waiting = this.#batcher.waitingFor(this.#turn % shards);
    if (waiting < this.#turnItems) this.#turn++;
    this.#turnItems = this.#batcher.waitingFor(this.#turn % shards) + 1;
    return this.#turn % shards;
  }

  #head(name: string, { priority, overrides }: ParsedAdd, profile: number): string {
    if (overrides !== undefined) return encodeHead(profile, priority, name, overrides);
    if (this.#headsProfile !== profile || this.#heads.size > HEADS_MAX) {
      this.#headsProfile = profile;
      this.#heads.clear();
    }
    const key = `${priority}${name}`;
    let head = this.#heads.get(key);
    if (head === undefined) this.#heads.set(key, (head = encodeHead(profile, priority, name)));
    return head;
  }

  /** Before the queue is known no batch can be made, so those who wait for that are counted here. */
  async #firstRegistered(): Promise<Registered> {
    if (this.#unregistered >= this.#options.waitingMax) throw overloaded(this.#options.waitingMax);
    this.#unregistered++;
    try {
      return await this.#registration.ensure();
    } finally {
      this.#unregistered--;
    }
  }

  async #send(
    shard: number,
    args: readonly Arg[],
    wereMadeFor: (registered: Registered) => boolean,
    options: CallOptions,
  ): Promise<{ nowMs: number; existed: readonly number[] }> {
    const callId = this.#store.nextCallId();
    for (let i = 0; i < INTRODUCTIONS_MAX; i++) {
      // If the queue was obliterated and made anew, the items were made for the old one.
      const registered = await this.#registration.ensure();
      const keys = this.#store.shards(registered.shards)[shard];
      if (keys === undefined || !wereMadeFor(registered)) break;
      const reply = await this.#store.add(keys, registered, args, callId, options);
      if (reply.word === "ADDED") return reply;
      await this.#registration.introduce(keys, registered, options);
    }
    throw new DelayqError(
      "DELAYQ_NO_QUEUE",
      `Expected queue ${this.#store.namespace.queue} to stay, but it was obliterated while tasks were added. Add them again.`,
    );
  }
}

function outcomesOf(
  count: number,
  { nowMs, existed }: { nowMs: number; existed: readonly number[] },
): Outcome[] {
  const outcomes = Array.from({ length: count }, () => ({ existed: false, nowMs }));
  for (const index of existed) outcomes[index] = { existed: true, nowMs };
  return outcomes;
}

/** At most; a UTF-16 code unit takes up to three bytes. */
const bytesOf = (record: string): number => record.length * 3;

const isSame = (a: Registered, b: Registered): boolean => a.profile === b.profile && a.shards === b.shards;

const isUnknown = (error: unknown): boolean =>
  error instanceof DelayqError && error.code === "DELAYQ_UNKNOWN_OUTCOME";
