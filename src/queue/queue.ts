import { DelayqError } from "../core/errors.ts";
import { checkKeyPart, checkTaskId } from "../core/names.ts";
import {
  cancelOptionsSchema,
  changeOptionsSchema,
  confirmationOf,
  obliterateOptionsSchema,
  parseDefaults,
  parseDue,
  purgeFilterSchema,
  queueOptionsSchema,
  filterSchema,
  cancelFilterSchema,
  type AddOptions,
  type ChangeOptions,
  type Confirmation,
  type Durability,
  type TaskDefaults,
  type TaskLogLevel,
} from "../core/options.ts";
import type { TaskFilter } from "../core/task-filter.ts";
import { TASK_STATES } from "../core/task.ts";
import type {
  AddedTask,
  AnyTasks,
  DataOf,
  NameOf,
  Task,
  TaskCounts,
  TaskState,
  TaskTypes,
} from "../core/task.ts";
import { parseOptions, show } from "../core/validate.ts";
import { bounded } from "../runtime/bounded.ts";
import { INSIDE, type Inside } from "../runtime/inside.ts";
import { QueueInstruments } from "../runtime/instruments.ts";
import { logOnce } from "../runtime/log-once.ts";
import { defaultLogger, type Logger } from "../runtime/logger.ts";
import { TaskLog } from "../runtime/task-log.ts";
import { Connection } from "../store/connection.ts";
import { serverOf, type ConnectionOption } from "../store/connection-options.ts";
import { QueueStore, REDIS_TIME, encodeDue, within, type GivenTime } from "../store/queue-store.ts";
import { Sends } from "../telemetry/sends.ts";
import type { SentTask } from "./added-task.ts";
import { Adder } from "./adder.ts";
import { Changer, type BulkOptions } from "./changer.ts";
import { QueueControl } from "./control.ts";
import { Inspector } from "./inspector.ts";
import { encodePayload } from "./payload.ts";
import { Registration } from "./registration.ts";

export interface QueueOptions {
  /** URL, ioredis options, a Redis or a Cluster. Default `$DELAYQ_REDIS_URL`, then `redis://127.0.0.1:6379`. */
  connection?: ConnectionOption;
  /** What all keys begin with. Default `dq`. */
  prefix?: string;
  /** Into how many shards a new queue is cut, 1 to 1024; an existing queue must have as many. Default: as it has, or 4 (16 on a Cluster). */
  shards?: number;
  /** What tasks get that say nothing themselves. */
  defaults?: TaskDefaults;
  /** The largest payload, in bytes of JSON. Default 1 MiB. */
  payloadMaxBytes?: number;
  /** When an `add` gives up, in ms, also while Redis is away; 50,000 at most. Default 10,000. */
  addTimeoutMs?: number;
  /** How many calls may wait for Redis before more are refused with `DELAYQ_OVERLOADED`. Default 100,000. */
  waitingMax?: number;
  /** When adds and changes count as done, unless a call says otherwise. Default: once Redis has them ("async"). */
  durability?: Durability;
  /** Any pino. Default: warnings as JSON on stderr. */
  logger?: Logger;
  /** At which level steps of tasks are logged, as docs/logs.md says; "silent" for none. Default "debug". */
  taskLogLevel?: TaskLogLevel;
  /** Whether the lines of added tasks hold their payloads. Default false. */
  logPayloads?: boolean;
}

/** What became of a verb; any word but the first is the state that forbade it. */
export type CancelOutcome = "cancelled" | "missing" | "leased" | "dead" | "done";
export type RescheduleOutcome = "rescheduled" | "missing" | "leased" | "dead" | "done";
export type UpdateOutcome = "updated" | "missing" | "leased" | "done";
export type RunNowOutcome = "due" | "missing" | "leased" | "dead" | "done";
export type RequeueOutcome = "requeued" | "missing" | "delayed" | "ready" | "leased" | "done";
export type PurgeOutcome = "purged" | "missing" | "delayed" | "ready" | "leased";

/** The producing and inspecting side of a queue: adds tasks, changes and shows them. Runs nothing. */
export class Queue<T extends TaskTypes<T> = AnyTasks> {
  readonly name: string;
  readonly #connection: Connection;
  readonly #store: QueueStore;
  readonly #registration: Registration;
  readonly #adder: Adder;
  readonly #sends: Sends;
  readonly #inspector: Inspector;
  readonly #payloadMaxBytes: number;
  readonly #addTimeoutMs: number;
  readonly #confirmation: Confirmation | undefined;
  readonly #changer: Changer;
  readonly #control: QueueControl;
  readonly #taskLog: TaskLog;
  readonly #instruments: QueueInstruments;
  /** How many calls are under way. A Set of them would keep them alive for long; see `HeldTasks`. */
  #pending = 0;
  #onIdle = (): void => {};
  #closed: Promise<void> | undefined;

  /**
   * Connects when it is first used.
   *
   * @param time for tests: the time that scripts are given instead of Redis TIME
   * @throws DelayqError `DELAYQ_INVALID_OPTION`, `DELAYQ_INVALID_NAME`
   */
  constructor(name: string, options: QueueOptions = {}, time: GivenTime = REDIS_TIME) {
    this.name = checkKeyPart("queue name", name);
    const parsed = parseOptions(queueOptionsSchema, options, "the options of Queue");
    const defaults = parseDefaults(options.defaults);
    const prefix = checkKeyPart("prefix", parsed.prefix);
    const logger = options.logger ?? defaultLogger(parsed);
    this.#taskLog = new TaskLog(logger, parsed);
    this.#connection = Connection.acquire(options.connection, logger);
    this.#store = new QueueStore(this.#connection, { prefix, queue: name }, time);
    this.#registration = new Registration(this.#store, parsed.shards, defaults);
    this.#addTimeoutMs = parsed.addTimeoutMs;
    this.#confirmation = confirmationOf(parsed.durability);
    const instruments = new QueueInstruments(name);
    this.#instruments = instruments;
    const onAdded = (task: SentTask): void => this.#taskLog.added(task);
    const adding = { ...parsed, defaults, instruments, onAdded, confirmation: this.#confirmation };
    this.#adder = new Adder(this.#store, this.#registration, adding);
    this.#sends = new Sends({
      queue: name,
      server: serverOf(options.connection),
      onError: logOnce(logger, "an add could not be told to OpenTelemetry"),
    });
    this.#inspector = new Inspector(this.#store, this.#registration, parsed.waitingMax);
    this.#payloadMaxBytes = parsed.payloadMaxBytes;
    this.#changer = new Changer(this.#store, this.#registration, this.#inspector, {
      instruments,
      waitingMax: parsed.waitingMax,
      taskLog: this.#taskLog,
    });
    this.#control = new QueueControl(this.#store, this.#registration, this.#inspector);
  }

  /**
   * Adds a task. Resolves when Redis has it, and with a `durability` the replicas. One that existed is given as it is now, or,
   * where it cannot be looked at in time, as it was asked for.
   *
   * @throws DelayqError `DELAYQ_INVALID_*` and `DELAYQ_DATA_TOO_LARGE` before anything is written, `DELAYQ_REDIS_FULL`,
   *   `DELAYQ_REDIS_UNAVAILABLE` (nothing was added), `DELAYQ_UNKNOWN_OUTCOME` and `DELAYQ_NOT_CONFIRMED` (add again with
   *   the error's id), `DELAYQ_OVERLOADED`
   */
  async add<N extends NameOf<T>>(
    name: N,
    data: DataOf<T, N>,
    options?: AddOptions,
  ): Promise<AddedTask<T, N>> {
    return await this.#use(async () => {
      const deadlineMs = performance.now() + this.#addTimeoutMs;
      const send = this.#sends.begin("add", 1, name);
      const adding = this.#adder.add(name, data, options, deadlineMs, send?.trace);
      const added = await (send === undefined ? adding : send.follow(adding));
      return (await this.#asItIs(added, deadlineMs)) as AddedTask<T, N>;
    });
  }

  /**
   * Adds any number of tasks, in calls of up to 150. Atomic per call, not as a whole.
   *
   * @throws BulkIncompleteError with the ids that were added, refused and unknown; DelayqError as `add`
   */
  async addBulk(
    tasks: readonly { [N in NameOf<T>]: { name: N; data: DataOf<T, N>; opts?: AddOptions } }[NameOf<T>][],
  ): Promise<AddedTask<T>[]> {
    return await this.#use(async () => {
      const send = this.#sends.begin("addBulk", tasks.length);
      const adding = this.#adder.addBulk(tasks, send?.trace);
      const added = await (send === undefined ? adding : send.follow(adding));
      if (!added.some(({ existed }) => existed)) return added as AddedTask<T>[];
      const { deadlineMs } = within();
      return (await Promise.all(
        added.map(async (task) => await this.#asItIs(task, deadlineMs)),
      )) as AddedTask<T>[];
    });
  }

  /** The task as it is now, or undefined. */
  async get(id: string): Promise<Task<T> | undefined> {
    return await this.#use(async () => (await this.#inspector.get(checkTaskId(id))) as Task<T> | undefined);
  }

  /** How many tasks are in each state, and whether the queue is paused. */
  async counts(): Promise<TaskCounts & { paused: boolean }> {
    const { counters: _, ...counts } = await this.stats();
    return counts;
  }

  /** The counts, and what has happened since the queue was made: added, completed, failed, retried, dead, ... */
  async stats(): Promise<TaskCounts & { paused: boolean; counters: Record<string, number> }> {
    return await this.#use(async () => await this.#inspector.counts());
  }

  /** The tasks of a state that match, the earliest first (ready ones by shard and level), looked up page by page. */
  async *list(state: TaskState, filter: TaskFilter = {}): AsyncGenerator<Task<T>> {
    this.#checkOpen();
    const parsed = parseOptions(filterSchema, filter, "the filter of list");
    for await (const task of this.#inspector.list(checkState(state), parsed)) yield task as Task<T>;
  }

  /** How many tasks of a state match. Looks at each, unless the filter is empty. */
  async count(state: TaskState, filter: TaskFilter & { signal?: AbortSignal } = {}): Promise<number> {
    const { signal, ...rest } = filter;
    const parsed = parseOptions(filterSchema, rest, "the filter of count");
    checkState(state);
    return await this.#use(async () => {
      if (Object.values(parsed).every((value) => value === undefined)) {
        return (await this.#inspector.counts())[state];
      }
      let count = 0;
      for await (const _ of this.#inspector.ids(state, parsed, signal)) {
        if (signal?.aborted === true) break;
        count++;
      }
      return count;
    });
  }

  /**
   * Takes a pending task away. A running one stays ("leased"), unless `abort` revokes its lease. Many ids, or a filter
   * (`{}` for all that are delayed or ready now), give how many there were of each outcome.
   */
  async cancel(id: string, options?: ChangeOptions & { abort?: boolean }): Promise<CancelOutcome>;
  async cancel(
    which: readonly string[] | (TaskFilter & { state?: "delayed" | "ready" }),
    options?: ChangeOptions & BulkOptions & { abort?: boolean },
  ): Promise<Partial<Record<CancelOutcome, number>>>;
  async cancel(
    which: string | readonly string[] | (TaskFilter & { state?: "delayed" | "ready" }),
    options: ChangeOptions & BulkOptions & { abort?: boolean } = {},
  ): Promise<unknown> {
    return await this.#use(async () => {
      const { signal, onProgress, ...change } = options;
      const { abort, durability } = parseOptions(cancelOptionsSchema, change, "the options of cancel");
      const confirmation = confirmationOf(durability, this.#confirmation);
      const args = [abort === true ? 1 : 0];
      if (isOne(which)) return await this.#changer.change("cancel", which, args, confirmation);
      if (isMany(which))
        return await this.#changer.changeAll("cancel", which, args, { signal, onProgress }, confirmation);
      const { state, ...filter } = parseOptions(cancelFilterSchema, which, "the filter of cancel");
      const states = state === undefined ? (["delayed", "ready"] as const) : [state];
      return await this.#changer.changeAll(
        "cancel",
        { states, filter },
        args,
        { signal, onProgress },
        confirmation,
      );
    });
  }

  /** Gives a pending task another due time. @throws DelayqError `DELAYQ_INVALID_TIME` */
  async reschedule(
    id: string,
    due: { delay: number } | { at: Date | number },
    options: ChangeOptions = {},
  ): Promise<RescheduleOutcome> {
    return (await this.#use(async () => {
      const dueArg = encodeDue(parseDue(due));
      return await this.#changer.change("reschedule", id, [dueArg], this.#confirmationOf(options));
    })) as RescheduleOutcome;
  }

  /** Gives a task that does not run another payload. @throws DelayqError `DELAYQ_INVALID_DATA`, `DELAYQ_DATA_TOO_LARGE` */
  async update(id: string, data: DataOf<T, NameOf<T>>, options: ChangeOptions = {}): Promise<UpdateOutcome> {
    return (await this.#use(async () => {
      const payload = encodePayload(data, this.#payloadMaxBytes);
      return await this.#changer.change("update", id, [payload], this.#confirmationOf(options));
    })) as UpdateOutcome;
  }

  /** Makes a pending task due now. */
  async runNow(id: string, options: ChangeOptions = {}): Promise<RunNowOutcome> {
    return (await this.#use(
      async () => await this.#changer.change("runNow", id, [], this.#confirmationOf(options)),
    )) as RunNowOutcome;
  }

  /**
   * Brings dead tasks back, due now and with all their attempts. One id gives its outcome; many ids, or a filter (`{}`
   * for all that are dead now), how many there were of each outcome. Tasks that die again meanwhile are left.
   *
   * @throws NotConfirmedError, UnknownOutcomeError with all ids of the batch that was the last because of them
   */
  async requeue(id: string, options?: ChangeOptions): Promise<RequeueOutcome>;
  async requeue(
    which: readonly string[] | TaskFilter,
    options?: ChangeOptions & BulkOptions,
  ): Promise<Partial<Record<RequeueOutcome, number>>>;
  async requeue(
    which: string | readonly string[] | TaskFilter,
    options: ChangeOptions & BulkOptions = {},
  ): Promise<unknown> {
    return await this.#use(async () => {
      const { signal, onProgress, ...change } = options;
      const confirmation = this.#confirmationOf(change);
      if (isOne(which)) return await this.#changer.change("requeue", which, [], confirmation);
      if (isMany(which))
        return await this.#changer.changeAll("requeue", which, [], { signal, onProgress }, confirmation);
      const filter = parseOptions(filterSchema, which, "the filter of requeue");
      return await this.#changer.changeAll(
        "requeue",
        { states: ["dead"], filter },
        [],
        { signal, onProgress },
        confirmation,
      );
    });
  }

  /** Removes dead tasks for good (or done ones: `{ state: "done" }`); else as `requeue`. */
  async purge(id: string, options?: ChangeOptions): Promise<PurgeOutcome>;
  async purge(
    which: readonly string[] | (TaskFilter & { state?: "dead" | "done" }),
    options?: ChangeOptions & BulkOptions,
  ): Promise<Partial<Record<PurgeOutcome, number>>>;
  async purge(
    which: string | readonly string[] | (TaskFilter & { state?: "dead" | "done" }),
    options: ChangeOptions & BulkOptions = {},
  ): Promise<unknown> {
    return await this.#use(async () => {
      const { signal, onProgress, ...change } = options;
      const confirmation = this.#confirmationOf(change);
      if (isOne(which)) return await this.#changer.change("purge", which, [], confirmation);
      if (isMany(which))
        return await this.#changer.changeAll("purge", which, [], { signal, onProgress }, confirmation);
      const { state = "dead", ...filter } = parseOptions(purgeFilterSchema, which, "the filter of purge");
      return await this.#changer.changeAll(
        "purge",
        { states: [state], filter },
        [],
        { signal, onProgress },
        confirmation,
      );
    });
  }

  /** No task is handed out any more once this resolves; what was handed out runs, adding goes on. @throws DelayqError `DELAYQ_NO_QUEUE` */
  async pause(options: ChangeOptions = {}): Promise<void> {
    await this.#use(async () => await this.#control.setPaused(true, this.#confirmationOf(options)));
  }

  /** @throws DelayqError `DELAYQ_NO_QUEUE` */
  async resume(options: ChangeOptions = {}): Promise<void> {
    await this.#use(async () => await this.#control.setPaused(false, this.#confirmationOf(options)));
  }

  /**
   * Removes the queue with all its tasks. Stop its producers first: a task that is added meanwhile may go too.
   *
   * @param options `force` also while tasks are running
   * @throws DelayqError `DELAYQ_QUEUE_BUSY`
   */
  async obliterate(options: ChangeOptions & { force?: boolean } = {}): Promise<void> {
    await this.#use(async () => {
      const what = "the options of obliterate";
      const { force, durability } = parseOptions(obliterateOptionsSchema, options, what);
      await this.#control.obliterate(force === true, confirmationOf(durability, this.#confirmation));
    });
  }

  /** @internal */
  [INSIDE](): Inside {
    return {
      queues: [this.#instruments],
      scripts: this.#connection.scripts,
      loops: [],
      redis: this.#connection.look,
    };
  }

  /** Waits for what was asked for, then lets go of the connection. */
  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    if (this.#pending > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    this.#connection.release();
  }

  #confirmationOf(options: ChangeOptions): Confirmation | undefined {
    const { durability } = parseOptions(changeOptionsSchema, options, "the options of the change");
    return confirmationOf(durability, this.#confirmation);
  }

  /** Counts a call as under way, so that `close` waits for it. */
  async #use<R>(work: () => Promise<R>): Promise<R> {
    this.#checkOpen();
    this.#pending++;
    try {
      return await work();
    } finally {
      if (--this.#pending === 0) this.#onIdle();
    }
  }

  /** One that was just added needs no second call. One that cannot be looked at in time existed all the same. */
  async #asItIs(task: SentTask, deadlineMs: number): Promise<SentTask> {
    if (!task.existed) return task;
    const looked = this.#inspector.get(task.id);
    try {
      if (!(await bounded(looked, deadlineMs - performance.now()))) return task;
      const known = await looked;
      // If it is not there it was completed or cancelled in between.
      return known === undefined ? { ...task, state: "done" } : { ...known, existed: true };
    } catch (error) {
      if (error instanceof DelayqError) return task;
      throw error;
    }
  }

  #checkOpen(): void {
    if (this.#closed !== undefined)
      throw new DelayqError("DELAYQ_CLOSED", `Expected queue ${this.name} to be open; it was closed.`);
  }
}

type Which = string | readonly string[] | TaskFilter;
const isOne = (which: Which): which is string => typeof which === "string";
const isMany = (which: Which): which is readonly string[] => Array.isArray(which);

/** @throws DelayqError `DELAYQ_INVALID_OPTION` */
function checkState(state: TaskState): TaskState {
  if (TASK_STATES.includes(state)) return state;
  throw new DelayqError(
    "DELAYQ_INVALID_OPTION",
    `Expected the state to be ${TASK_STATES.join(", ")}, got ${show(state)}.`,
  );
}
