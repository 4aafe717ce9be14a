import { BulkIncompleteError, DelayqError } from "../core/errors.ts";
import { bucketOfShard, generateId, shardOf } from "../core/ids.ts";
import { checkTaskName } from "../core/names.ts";
import {
  confirmationOf,
  isSameConfirmation,
  parseAddOptions,
  parseBulkTask,
  type AddOptions,
  type Confirmation,
  type Due,
  type KeptOptions,
  type ParsedAdd,
} from "../core/options.ts";
import type { TraceContext } from "../core/trace-context.ts";
import { encodeHead, encodeRecord, type RecordHead } from "../store/codec.ts";
import {
  BATCH_BYTES_MAX,
  addBatchMax,
  confirmedWithin,
  within,
  type QueueStore,
} from "../store/queue-store.ts";
import type { QueueInstruments } from "../runtime/instruments.ts";
import type { CallOptions } from "../store/connection.ts";
import type { Arg } from "../store/script.ts";
import { EncodedArgs } from "../store/wire.ts";
import { complete, sentTask, type Prepared, type SentTask } from "./added-task.ts";
import { Batcher, overloaded, type Item } from "./batcher.ts";
import { inOrderOfDue } from "./due-order.ts";
import { encodePayload } from "./payload.ts";
import type { Registered, Registration } from "./registration.ts";

/** What became of one task: when Redis took it, or that its id was taken. */
interface Outcome {
  readonly existed: boolean;
  readonly nowMs: number;
}

export interface AdderOptions {
  readonly defaults: KeptOptions;
  readonly payloadMaxBytes: number;
  readonly addTimeoutMs: number;
  readonly waitingMax: number;
  readonly instruments: QueueInstruments;
  /** What an add that says nothing asks of the replicas. */
  readonly confirmation: Confirmation | undefined;
  /** Redis has it, or had one of its id, though others of its bulk may fail. */
  readonly onAdded: (task: SentTask) => void;
}

/** A task on its way, and what was registered when it was made. */
interface AddItem extends Item {
  readonly registered: Registered;
}

/** What goes into one call of `addBulk`: encoded, so that a bulk that waits holds little. */
interface BulkBatch {
  readonly shard: number;
  readonly confirmation: Confirmation | undefined;
  readonly items: EncodedArgs;
  readonly tasks: SentTask[];
  readonly dues: Due[];
  bytes: number;
}

const INTRODUCTIONS_MAX = 5;
const BULK_CALLS_MAX = 8;
const HEADS_MAX = 1000;
/** How many tasks of a bulk are put in order together: they are prepared, and take memory, until then. */
const SORTED_MAX = 5000;

/**
 * Takes tasks in. Everything is checked before anything is written. Tasks of one batch get ids whose buckets belong to one
 * shard, then the next shard has its turn: one script call instead of one per shard. A task with an id of the caller's goes
 * where that id belongs.
 */
export class Adder {
  readonly #store: QueueStore;
  readonly #registration: Registration;
  readonly #options: AdderOptions;
  readonly #batcher: Batcher<Outcome, AddItem>;
  readonly #heads = new Map<string, RecordHead>();
  #headsProfile = -1;
  #turn = Math.floor(Math.random() * 1024);
  #turnItems = 0;
  #unregistered = 0;
  /**
   * How many tasks one call may add, by what the shard held that answered last: they are much alike. The first bulk of a
   * producer is cut before it knows.
   */
  #batchMax = addBatchMax(0);

  constructor(store: QueueStore, registration: Registration, options: AdderOptions) {
    this.#store = store;
    this.#registration = registration;
    this.#options = options;
    this.#batcher = new Batcher(
      async (shard, args, items, callOptions) => {
        const wereMadeFor = (now: Registered): boolean => items.every((item) => isSame(item.registered, now));
        const reply = await this.#send(shard, args, wereMadeFor, callOptions);
        options.instruments.added += items.length - reply.existed.length;
        return outcomesOf(items.length, reply);
      },
      options.waitingMax,
      () => this.#batchMax,
    );
  }

  /**
   * @param deadlineMs when to give up, whatever it takes to get there
   * @param trace what the task is to keep of where it is added
   * @throws DelayqError of `DELAYQ_INVALID_*`, `DELAYQ_DATA_TOO_LARGE`, `DELAYQ_OVERLOADED`, `DELAYQ_REDIS_*`, `DELAYQ_UNKNOWN_OUTCOME`, `DELAYQ_NOT_CONFIRMED`
   */
  async add(
    name: unknown,
    data: unknown,
    options: AddOptions | undefined,
    deadlineMs: number,
    trace?: TraceContext,
  ): Promise<SentTask> {
    const prepared = this.#prepare(name, data, options, trace);
    try {
      return await this.#addOnce(prepared, deadlineMs);
    } catch (error) {
      if (error instanceof DelayqError && error.code === "DELAYQ_NO_QUEUE")
        return await this.#addOnce(prepared, deadlineMs);
      throw error;
    }
  }

  async #addOnce(prepared: Prepared, deadlineMs: number): Promise<SentTask> {
    const { confirmation } = prepared;
    const registered =
      this.#registration.current(confirmation) ?? (await this.#firstRegistered({ deadlineMs, confirmation }));
    const { shards } = registered;
    const { id: given, due } = prepared.options;
    const shard = given === undefined ? this.#shardInTurn(shards, confirmation) : shardOf(given, shards);
    const id = given ?? generateId(bucketOfShard(shard, shards), Date.now());
    const record = this.#record(prepared, registered);
    const { existed, nowMs } = await this.#batcher.push(shard, {
      args: [id, record],
      bytes: bytesOf(record),
      registered,
      deadlineMs,
      confirmation,
    });
    const task = sentTask(this.#store.namespace.queue, shard, id, prepared);
    complete(task, due, nowMs, existed);
    this.#options.onAdded(task);
    return task;
  }

  /**
   * All are checked before the first is sent. What is registered is first asked of Redis alone; a batch that replicas are to
   * confirm sees to it that they have that too.
   *
   * @throws DelayqError as `add`; BulkIncompleteError unless all were added or had been there
   */
  async addBulk(tasks: readonly unknown[], trace?: TraceContext): Promise<SentTask[]> {
    if (tasks.length === 0) return [];
    if (this.#registration.current(undefined) === undefined) for (const task of tasks) this.#prepareOne(task);
    const registered = await this.#registration.ensure(within(this.#options.addTimeoutMs));
    const { batches, sent } = this.#encode(tasks, registered, trace);
    const failures = new Map<BulkBatch, unknown>();
    const waiting = batches.values();
    const lane = async (): Promise<void> => {
      for (const batch of waiting) {
        await this.#sendBatch(batch, registered).catch((error: unknown) => failures.set(batch, error));
      }
    };
    await Promise.all(Array.from({ length: BULK_CALLS_MAX }, lane));
    if (failures.size > 0) throw incomplete(batches, failures);
    return sent;
  }

  async #sendBatch(batch: BulkBatch, registered: Registered): Promise<void> {
    const { shard, confirmation, items, tasks, dues } = batch;
    const options = confirmedWithin(confirmation, this.#options.addTimeoutMs);
    const wereMadeFor = (now: Registered): boolean => isSame(now, registered);
    const { nowMs, existed } = await this.#send(shard, items, wereMadeFor, options);
    this.#options.instruments.added += tasks.length - existed.length;
    tasks.forEach((task, i) => complete(task, dues[i] as Due, nowMs, false));
    for (const i of existed) (tasks[i] as SentTask).existed = true;
    for (const task of tasks) this.#options.onAdded(task);
  }

  /** @returns the batches, and the tasks in the order in which they were given */
  #encode(
    tasks: readonly unknown[],
    registered: Registered,
    trace: TraceContext | undefined,
  ): { batches: BulkBatch[]; sent: SentTask[] } {
    const batches: BulkBatch[] = [];
    const open = new Map<number, BulkBatch>();
    const sent = Array.from<SentTask>({ length: tasks.length });
    for (let from = 0; from < tasks.length; from += SORTED_MAX) {
      const prepared = tasks.slice(from, from + SORTED_MAX).map((task) => this.#prepareOne(task, trace));
      for (const { one, index } of inOrderOfDue(prepared))
        sent[from + index] = this.#encodeOne(one, registered, batches, open);
    }
    for (const { items } of open.values()) items.seal();
    this.#turn++;
    return { batches, sent };
  }

  /** @param open the last batch of each shard */
  #encodeOne(
    prepared: Prepared,
    registered: Registered,
    batches: BulkBatch[],
    open: Map<number, BulkBatch>,
  ): SentTask {
    const { shards } = registered;
    const { confirmation } = prepared;
    const { id: given, due } = prepared.options;
    const shard = given === undefined ? this.#turn % shards : shardOf(given, shards);
    const id = given ?? generateId(bucketOfShard(shard, shards), Date.now());
    const record = this.#record(prepared, registered);
    const bytes = bytesOf(record);
    let batch = open.get(shard);
    if (
      batch === undefined ||
      this.#isFull(batch, bytes) ||
      !isSameConfirmation(batch.confirmation, confirmation)
    ) {
      batch?.items.seal();
      batch = { shard, confirmation, items: new EncodedArgs(), tasks: [], dues: [], bytes: 0 };
      open.set(shard, batch);
      batches.push(batch);
    }
    batch.items.add(id, record);
    batch.bytes += bytes;
    batch.dues.push(due);
    const task = sentTask(this.#store.namespace.queue, shard, id, prepared);
    batch.tasks.push(task);
    if (given === undefined && batch.tasks.length === this.#batchMax) this.#turn++;
    return task;
  }

  #isFull({ tasks, bytes }: BulkBatch, more: number): boolean {
    return tasks.length >= this.#batchMax || bytes + more > BATCH_BYTES_MAX;
  }

  #prepareOne(task: unknown, trace?: TraceContext): Prepared {
    const { name, data, opts } = parseBulkTask(task);
    return this.#prepare(name, data, opts as AddOptions | undefined, trace);
  }

  #prepare(
    name: unknown,
    data: unknown,
    options: AddOptions | undefined,
    trace: TraceContext | undefined,
  ): Prepared {
    const checked = checkTaskName(name);
    const json = encodePayload(data, this.#options.payloadMaxBytes);
    const parsed = parseAddOptions(options, this.#options.defaults);
    const confirmation = confirmationOf(parsed.durability, this.#options.confirmation);
    return { name: checked, data, json, options: parsed, confirmation, trace };
  }

  #record({ name, json, options, trace }: Prepared, { profile }: Registered): string {
    return encodeRecord(this.#head(name, options, profile, trace), options.due, json);
  }

  /**
   * A new shard's turn comes when the batch of the last one has gone. In a Cluster the master of some shards may be away:
   * they are left out as long as others answer.
   */
  #shardInTurn(shards: number, confirmation: Confirmation | undefined): number {
    const waiting = this.#batcher.waitingFor(this.#turn % shards, confirmation);
    if (waiting < this.#turnItems) this.#turn++;
    for (let i = 0; i < shards && this.#batcher.isStalled(this.#turn % shards, confirmation); i++)
      this.#turn++;
    this.#turnItems = this.#batcher.waitingFor(this.#turn % shards, confirmation) + 1;
    return this.#turn % shards;
  }

  #head(
    name: string,
    { priority, overrides }: ParsedAdd,
    profile: number,
    trace: TraceContext | undefined,
  ): RecordHead {
    if (trace !== undefined) return encodeHead(profile, priority, name, { ...overrides, ...trace });
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
  async #firstRegistered(options: CallOptions): Promise<Registered> {
    if (this.#unregistered >= this.#options.waitingMax) throw overloaded(this.#options.waitingMax);
    this.#unregistered++;
    try {
      return await this.#registration.ensure(options);
    } finally {
      this.#unregistered--;
    }
  }

  async #send(
    shard: number,
    items: readonly Arg[] | EncodedArgs,
    wereMadeFor: (registered: Registered) => boolean,
    options: CallOptions,
  ): Promise<{ nowMs: number; existed: readonly number[] }> {
    const callId = this.#store.nextCallId();
    for (let i = 0; i < INTRODUCTIONS_MAX; i++) {
      // If the queue was obliterated and made anew, the items were made for the old one.
      const registered = await this.#registration.ensure(options);
      const keys = this.#store.shards(registered.shards)[shard];
      if (keys === undefined || !wereMadeFor(registered)) break;
      const reply = await this.#store.add(keys, registered, items, callId, options);
      if (reply.word === "ADDED") {
        this.#batchMax = addBatchMax(reply.held);
        return reply;
      }
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

function incomplete(
  batches: readonly BulkBatch[],
  failures: ReadonlyMap<BulkBatch, unknown>,
): BulkIncompleteError {
  const idsOf = (some: readonly BulkBatch[]): string[] =>
    some.flatMap(({ tasks }) => tasks.map(({ id }) => id));
  const failed = [...failures.keys()];
  return new BulkIncompleteError(
    {
      added: idsOf(batches.filter((batch) => !failures.has(batch))),
      refused: idsOf(failed.filter((batch) => !isUnknown(failures.get(batch)))),
      unknown: idsOf(failed.filter((batch) => isUnknown(failures.get(batch)))),
    },
    [...failures.values()].at(-1),
  );
}

/** At most; a UTF-16 code unit takes up to three bytes. */
const bytesOf = (record: string): number => record.length * 3;

const isSame = (a: Registered, b: Registered): boolean => a.profile === b.profile && a.shards === b.shards;

const isUnknown = (error: unknown): boolean =>
  error instanceof DelayqError &&
  (error.code === "DELAYQ_UNKNOWN_OUTCOME" || error.code === "DELAYQ_NOT_CONFIRMED");
