import { DelayqError } from "../core/errors.ts";
import { shardOf } from "../core/ids.ts";
import { KEPT_DEFAULTS, parseAddOptions, type KeptOptions } from "../core/options.ts";
import { TASK_STATES } from "../core/task.ts";
import { readTrace, type TraceContext } from "../core/trace-context.ts";
import { encodeHead, encodeRecord, type Overrides, type RecordHead } from "../store/codec.ts";
import type { ShardKeys } from "../store/keys.ts";
import { BATCH_BYTES_MAX, within, type QueueStore } from "../store/queue-store.ts";
import type { Arg } from "../store/script.ts";
import { EncodedArgs } from "../store/wire.ts";
import type { ExportHeader, ExportedTask } from "./export-format.ts";
import { setPaused } from "./pausing.ts";
import type { Queue } from "./queue.ts";
import { Registration } from "./registration.ts";

/**
 * Brings the tasks of an export back, under their ids, onto whatever Redis, prefix and number of shards.
 *
 * A queue that is empty is paused first, and one that is not must be paused, with nothing running: so nothing runs before all is there, and
 * no task can run and end, and then be restored again. A task whose id is there is left as it is: what broke off can be done again from
 * the beginning.
 */
const BATCH_MAX = 50;
const IN_FLIGHT_MAX = 4;
const CALL_MS = 30_000;
const INTRODUCTIONS_MAX = 5;
const HEADS_MAX = 1000;

/** What tasks of one name, priority and options have in common. */
interface Common {
  readonly profile: number;
  readonly overrides: Overrides | undefined;
  /** Of those that were not traced where they were added. */
  readonly head: RecordHead;
}

interface Batch {
  readonly items: EncodedArgs;
  tasks: number;
  bytes: number;
}

export interface EncodedTask {
  readonly shard: number;
  /** At most. */
  readonly bytes: number;
  readonly args: readonly Arg[];
}

export class Restorer {
  readonly #queue: Queue;
  readonly #store: QueueStore;
  readonly #shards: number | undefined;
  readonly #profiles = new Map<number, { readonly number: number; readonly options: KeptOptions }>();
  readonly #common = new Map<string, Common>();
  readonly #batches = new Map<number, Batch>();
  readonly #inFlight = new Set<Promise<void>>();
  #shardCount = 0;
  readonly #id: string;
  #mayResume = false;
  #failure: { readonly error: unknown } | undefined;
  /** How many were restored, and how many had been there. */
  restored = 0;
  existed = 0;

  /** @param shards into how many shards a new queue is cut; if undefined as many as it had */
  constructor(queue: Queue, store: QueueStore, shards: number | undefined) {
    this.#queue = queue;
    this.#store = store;
    this.#id = store.nextCallId();
    this.#shards = shards;
  }

  /** Makes the queue ready, and pauses it. @throws DelayqError `DELAYQ_QUEUE_BUSY`, and those of registering */
  async begin(header: Pick<ExportHeader, "paused" | "shards" | "defaults">): Promise<void> {
    const isPaused = await this.#checkFree();
    const shards = this.#shards ?? (await this.#store.readShards()) ?? header.shards;
    await this.#register(header.defaults, shards);
    // Also what another restore has paused, which broke off.
    const isOwn = await this.#setPaused(true);
    try {
      await this.#checkFree(isPaused);
    } catch (error) {
      if (!isPaused) await this.#setPaused(false);
      throw error;
    }
    if (header.paused) await setPaused(this.#store, { paused: true }, undefined);
    this.#mayResume = isOwn && !header.paused;
  }

  /** A task as it is sent. @throws DelayqError `DELAYQ_INVALID_OPTION` */
  encode(task: ExportedTask): EncodedTask {
    const { id, state, addedAtMs, firstDueAtMs, dueAtMs, attemptsUsed, deaths } = task;
    const payload = JSON.stringify(task.data);
    const record = encodeRecord(this.#head(task), { atMs: firstDueAtMs }, payload);
    const isChanged = attemptsUsed > 0 || deaths > 0 || dueAtMs !== firstDueAtMs;
    const isEnded = state === "dead" || state === "done";
    const args = [
      id,
      addedAtMs,
      record,
      isEnded ? state : "due",
      (state === "dead" ? task.diedAtMs : task.keepLeftMs) ?? 0,
      isChanged ? `${attemptsUsed}:${deaths}:${dueAtMs}` : "",
      task.error === undefined ? "" : JSON.stringify(task.error),
      state === "done" ? JSON.stringify(task.result) : "",
    ];
    // A UTF-16 code unit takes up to three bytes.
    const bytes = args.reduce<number>((sum, arg) => sum + 3 * String(arg).length, 0);
    return { shard: shardOf(id, this.#shardCount), bytes, args };
  }

  /** Waits when too many are under way. @throws what the sending of an earlier one threw */
  async push({ shard, bytes, args }: EncodedTask): Promise<void> {
    const open = this.#batches.get(shard);
    if (open !== undefined && (open.tasks === BATCH_MAX || open.bytes + bytes > BATCH_BYTES_MAX))
      await this.#flush(shard, open);
    const batch = this.#batches.get(shard) ?? { items: new EncodedArgs(), tasks: 0, bytes: 0 };
    this.#batches.set(shard, batch);
    batch.items.add(...args);
    batch.tasks++;
    batch.bytes += bytes;
  }

  /** Sends what is left, and waits for all. @throws what the sending of one threw */
  async finish(): Promise<void> {
    try {
      for (const [shard, batch] of this.#batches) await this.#flush(shard, batch);
    } finally {
      await Promise.all(this.#inFlight);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /**
   * When all is there: the queue goes on, unless it was paused, here or where it came from, or is now paused for anything else.
   *
   * @returns whether it does
   */
  async end(): Promise<boolean> {
    return this.#mayResume && (await this.#setPaused(false));
  }

  async #setPaused(paused: boolean): Promise<boolean> {
    return await setPaused(this.#store, { paused, restoring: this.#id }, undefined);
  }

  /** @returns whether it is paused @throws DelayqError `DELAYQ_QUEUE_BUSY` */
  async #checkFree(mayHold = true): Promise<boolean> {
    const counts = await this.#queue.counts();
    const tasks = TASK_STATES.reduce((sum, state) => sum + counts[state], 0);
    const { name } = this.#queue;
    if (tasks > 0 && !(counts.paused && mayHold)) {
      throw new DelayqError(
        "DELAYQ_QUEUE_BUSY",
        `Expected queue ${name} to be empty or paused, got ${tasks} tasks in it. Pause it, or restore into another.`,
      );
    }
    if (counts.leased > 0) {
      throw new DelayqError(
        "DELAYQ_QUEUE_BUSY",
        `Expected no task of queue ${name} to be running, got ${counts.leased}. Wait for them: it is paused, so no others start.`,
      );
    }
    return counts.paused;
  }

  /** All defaults of the export, under the numbers that they get here. */
  async #register(defaults: ExportHeader["defaults"], wanted: number): Promise<void> {
    const all = Object.entries(defaults);
    for (const [number, options] of all.length > 0 ? all : [["0", KEPT_DEFAULTS] as const]) {
      const registration = new Registration(this.#store, wanted, options);
      const { profile, shards } = await registration.ensure(within(CALL_MS));
      this.#profiles.set(Number(number), { number: profile, options });
      this.#shardCount = shards;
    }
  }

  #head(task: ExportedTask): RecordHead {
    const { options, trace } = withTraceApart(task);
    const { profile, overrides, head } = this.#commonOf({ ...task, options });
    return trace === undefined
      ? head
      : encodeHead(profile, task.priority, task.name, { ...overrides, ...trace });
  }

  #commonOf({ name, priority, profile: number = 0, options }: ExportedTask): Common {
    const key = `${number} ${priority} ${JSON.stringify(options)} ${name}`;
    let common = this.#common.get(key);
    if (common !== undefined) return common;
    const [first] = this.#profiles.values();
    const profile = this.#profiles.get(number) ?? first;
    if (profile === undefined) throw new Error("begin was not called");
    const { overrides } = parseAddOptions(options as object, profile.options);
    common = {
      profile: profile.number,
      overrides,
      head: encodeHead(profile.number, priority, name, overrides),
    };
    if (this.#common.size >= HEADS_MAX) this.#common.clear();
    this.#common.set(key, common);
    return common;
  }

  async #flush(shard: number, batch: Batch): Promise<void> {
    this.#batches.delete(shard);
    batch.items.seal();
    while (this.#inFlight.size >= IN_FLIGHT_MAX) await Promise.race(this.#inFlight);
    if (this.#failure !== undefined) throw this.#failure.error;
    const sent = this.#sendOrFail(shard, batch).finally(() => this.#inFlight.delete(sent));
    this.#inFlight.add(sent);
  }

  async #sendOrFail(shard: number, batch: Batch): Promise<void> {
    try {
      await this.#send(shard, batch);
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  async #send(shard: number, { items, tasks }: Batch): Promise<void> {
    const callId = this.#store.nextCallId();
    const options = within(CALL_MS);
    const keys = this.#store.shards(this.#shardCount)[shard] as ShardKeys;
    for (let i = 0; i < INTRODUCTIONS_MAX; i++) {
      const reply = await this.#store.restore(keys, this.#shardCount, items, callId, options);
      if (reply.word === "RESTORED") {
        this.existed += reply.existed.length;
        this.restored += tasks - reply.existed.length;
        return;
      }
      if (reply.word === "RUNNING") {
        throw new DelayqError(
          "DELAYQ_QUEUE_BUSY",
          `Expected queue ${this.#queue.name} to stay paused while it is restored, but it was resumed. Pause it, and restore again.`,
        );
      }
      const meta = await this.#store.readMeta(options);
      if (meta?.shards !== this.#shardCount) break;
      await this.#store.copyCtl(keys, meta, options);
    }
    throw new DelayqError(
      "DELAYQ_NO_QUEUE",
      `Expected queue ${this.#queue.name} to stay, but it was obliterated while it was restored. Restore again.`,
    );
  }
}

/** A process that knew of no traces took them for options when it exported. */
function withTraceApart({ options, trace }: ExportedTask): {
  options: unknown;
  trace: TraceContext | undefined;
} {
  if (typeof options !== "object" || options === null || !("traceparent" in options))
    return { options, trace };
  const { traceparent: _, tracestate: __, ...own } = options as Record<string, unknown>;
  return { options: own, trace: trace ?? readTrace(options) };
}
