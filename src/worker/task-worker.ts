import { EventEmitter } from "node:events";
import { hostname } from "node:os";
import type { z } from "zod";
import { DelayqError } from "../core/errors.ts";
import { memberId } from "../core/ids.ts";
import { checkKeyPart } from "../core/names.ts";
import {
  KEPT_DEFAULTS,
  closeOptionsSchema,
  workerOptionsSchema,
  type KeptOptions,
  type TaskLogLevel,
} from "../core/options.ts";
import type { AnyTasks, ResultOf, NameOf, Task, TaskError, TaskTypes } from "../core/task.ts";
import { RELEASE } from "../core/verdict.ts";
import { parseOptions } from "../core/validate.ts";
import { bounded } from "../runtime/bounded.ts";
import { errorFields } from "../runtime/error-fields.ts";
import { INSIDE, furthestBehind, type Inside } from "../runtime/inside.ts";
import { QueueInstruments } from "../runtime/instruments.ts";
import { logOnce } from "../runtime/log-once.ts";
import { defaultLogger, tryToLog, type Logger } from "../runtime/logger.ts";
import { TaskLog } from "../runtime/task-log.ts";
import { profileOf, type Record } from "../store/codec.ts";
import { Connection } from "../store/connection.ts";
import { serverOf, type ConnectionOption } from "../store/connection-options.ts";
import { Heartbeat } from "../store/heartbeat.ts";
import { logFailure } from "../store/log-failure.ts";
import type { MemberFacts } from "../store/member-store.ts";
import { QueueStore, REDIS_TIME, type GivenTime } from "../store/queue-store.ts";
import { QueueWatch } from "../store/queue-watch.ts";
import { Runs } from "../telemetry/runs.ts";
import { Claimer, type Batch, type Claimed } from "./claimer.ts";
import { ExpiryWarning } from "./expiry-warning.ts";
import { handlerFinder, type Handlers } from "./handler.ts";
import type { HeldTask } from "./held-task.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { readClaimed, type ReadOptions } from "./read-claimed.ts";
import { Runner } from "./runner.ts";
import { Settler, type Settled } from "./settler.ts";

/**
 * Runs the tasks of one queue: claims as many as it has free slots, keeps their leases, runs the handler, settles.
 *
 * States: idle -> running -> closing -> closed. Data flows one way: claimer -> runner -> settler, with the lease keeper
 * beside them from the claim to the confirmed settle.
 */
export interface TaskWorkerOptions {
  /** As for `Queue`. */
  connection?: ConnectionOption;
  /** What all keys begin with. Default `dq`. */
  prefix?: string;
  /** How many handlers run at the same time. Default 10. */
  concurrency?: number;
  /** For how long a task is this worker's without a sign of life, in ms; the price of a kill -9. At least 1000, default 15,000. */
  leaseMs?: number;
  /** How long an idle shard is left alone when no hint comes, in ms; of many workers each leaves it longer. Default 60,000. */
  slowPollMs?: number;
  /** How long a task whose name has no handler here is left to other workers, in ms. Default 5000. */
  unhandledDelayMs?: number;
  /** Any pino. Default: warnings as JSON on stderr. */
  logger?: Logger;
  /** At which level steps of tasks are logged, as docs/logs.md says; "silent" for none. Default "debug". */
  taskLogLevel?: TaskLogLevel;
  /** Whether the lines of started tasks hold their payloads. Default false. */
  logPayloads?: boolean;
}

export interface WorkerEvents<T extends TaskTypes<T>> {
  /** The settle is confirmed. */
  completed: [task: Task<T>, result: ResultOf<T, NameOf<T>>];
  /** The attempt failed; the task will be tried again. */
  failed: [task: Task<T>, error: TaskError];
  /** The task failed for good. */
  dead: [task: Task<T>, error: TaskError];
  /** The task was not started, and is gone: it was claimed later than its `expireMs` allows. */
  expired: [task: Task<T>];
  /** The lease is gone: another worker may run the task. */
  leaseLost: [task: Task<T>];
  progress: [task: Task<T>, value: unknown];
  /** Something went wrong outside handlers. Without a listener it is logged; it is never fatal. */
  error: [error: unknown];
}

export class LeaseLostError extends Error {
  override readonly name = "LeaseLostError";
}

export class WorkerClosedError extends Error {
  override readonly name = "WorkerClosedError";
}

type ParsedOptions = Readonly<z.output<typeof workerOptionsSchema>>;

const BEAT_MS = 5000;
const TTL_MS = 15_000;
const CLOSE_CALL_MS = 2000;
const SETTLE_ON_CLOSE_MS = 5000;
const UNSETTLED_MAX = 2000;

export class TaskWorker<T extends TaskTypes<T> = AnyTasks> extends EventEmitter<WorkerEvents<T>> {
  readonly queue: string;
  readonly id = memberId();
  protected readonly parsed: ParsedOptions;
  protected readonly logger: Logger;
  protected readonly taskLog: TaskLog;
  readonly #connection: Connection;
  readonly #store: QueueStore;
  readonly #heartbeat: Heartbeat;
  readonly #watch: QueueWatch;
  readonly #keeper: LeaseKeeper;
  readonly #runner: Runner;
  readonly #runs: Runs;
  readonly #instruments: QueueInstruments;
  readonly #settler: Settler;
  readonly #expiryWarning: ExpiryWarning;
  readonly #reading: ReadOptions;
  #claimer: Claimer | undefined;
  #state: "idle" | "running" | "closing" = "idle";
  #starting = 0;
  #isSending = false;
  readonly #startings = new Set<Promise<void>>();
  /** Whether an active scheduler for the queue lives, as far as is known. */
  #isServed = true;
  #workers = 1;
  #closed: Promise<void> | undefined;

  /**
   * @param time for tests: the time that scripts are given instead of Redis TIME
   * @throws DelayqError `DELAYQ_INVALID_OPTION`, `DELAYQ_INVALID_NAME`, `DELAYQ_INVALID_HANDLER`
   */
  constructor(
    queue: string,
    handlers: Handlers<T>,
    options: TaskWorkerOptions = {},
    time: GivenTime = REDIS_TIME,
  ) {
    super();
    this.queue = checkKeyPart("queue name", queue);
    const findHandler = handlerFinder(handlers);
    this.parsed = parseOptions(workerOptionsSchema, options, "the options of Worker");
    const { leaseMs, unhandledDelayMs } = this.parsed;
    const prefix = checkKeyPart("prefix", this.parsed.prefix);
    this.logger = options.logger ?? defaultLogger(this.parsed);
    this.taskLog = new TaskLog(this.logger, this.parsed);
    this.#instruments = new QueueInstruments(queue);
    this.#expiryWarning = new ExpiryWarning(this.logger, queue);
    this.#reading = {
      queue,
      leaseMs,
      unhandledDelayMs,
      keptOf: (record) => this.#keptOf(record),
      onUnreadable: (error) => this.#emitError(error),
    };
    this.#connection = Connection.acquire(options.connection, this.logger);
    this.#store = new QueueStore(this.#connection, { prefix, queue }, time);
    this.#settler = new Settler(this.#store, {
      onSettled: (settled) => this.#settled(settled),
      onRefused: ({ held }) => this.#lose(held),
      onFailed: (settled, error) => this.#settleFailed(settled, error),
    });
    this.#keeper = new LeaseKeeper(this.#store, {
      leaseMs,
      logger: this.logger,
      onLost: (held) => {
        if (!held.isDecided) this.#lose(held); // else its settle tells
      },
    });
    this.#runs = new Runs({
      queue,
      worker: this.id,
      server: serverOf(options.connection),
      onError: logOnce(this.logger, "a run could not be told to OpenTelemetry"),
    });
    this.#runner = new Runner({
      concurrency: this.parsed.concurrency,
      findHandler,
      runs: this.#runs,
      logger: this.logger,
      taskLog: this.taskLog,
      instruments: this.#instruments,
      unhandledDelayMs,
      onVerdict: (held, verdict, result) => {
        this.#settler.push({ held, verdict, result });
        this.#sendSoon();
      },
      onReturned: () => this.#sendSoon(),
      onWaitedTooLong: () => this.#claimer?.slowDown(),
      onProgress: ({ task }, value) => this.#emit("progress", task as Task<T>, value),
    });
    const { concurrency } = this.parsed;
    const facts: MemberFacts = {
      role: "worker",
      queues: [queue],
      host: hostname(),
      pid: process.pid,
      concurrency,
    };
    const pace = { facts, everyMs: BEAT_MS, ttlMs: TTL_MS };
    this.#heartbeat = new Heartbeat(this.#connection, {
      prefix,
      member: this.id,
      pace: () => pace,
      time,
      isListening: false,
      onMembers: (members) => {
        const ofQueue = members.filter(({ queues }) => queues.includes(queue));
        this.#isServed = ofQueue.some(({ role, isStandby }) => role === "scheduler" && isStandby !== true);
        this.#workers = ofQueue.filter(({ role }) => role === "worker").length;
        this.#claimer?.noticeMembers(this.#isServed, this.#workers);
      },
      onError: logFailure(this.logger),
    });
    this.#watch = new QueueWatch(this.#connection, {
      prefix,
      onFound: (_queue, shards) => this.#serve(shards),
      onError: logFailure(this.logger),
    });
    this.#watch.seek(queue);
  }

  /** Begins to work; does nothing if it has begun. @throws DelayqError `DELAYQ_CLOSED` */
  run(): void {
    if (this.#state === "closing") {
      throw new DelayqError(
        "DELAYQ_CLOSED",
        `Expected the worker of ${this.queue} to be open; it was closed.`,
      );
    }
    if (this.#state === "running") return;
    this.#state = "running";
    this.#heartbeat.start();
    this.#watch.start();
    this.#keeper.start();
  }

  /**
   * Claims nothing more, lets handlers finish for `graceMs` (default 30,000), then aborts the rest and releases their tasks
   * with no attempt used. Always ends, also when a handler never does and Redis is away.
   */
  async close(options: { graceMs?: number } = {}): Promise<void> {
    const { graceMs } = parseOptions(closeOptionsSchema, options, "the options of close");
    this.#closed ??= this.#close(graceMs);
    await this.#closed;
  }

  /** @internal */
  [INSIDE](): Inside {
    const running = this.#runner.running.size;
    const isClosed = this.#state === "closing" && running === 0;
    return {
      queues: [this.#instruments],
      slots: { concurrency: isClosed ? 0 : this.parsed.concurrency, running },
      scripts: this.#connection.scripts,
      loops: [
        furthestBehind("worker heartbeat", [this.#heartbeat]),
        furthestBehind("worker queue watch", [this.#watch]),
        furthestBehind("worker leases", [this.#keeper]),
        furthestBehind("worker claims", this.#claimer === undefined ? [] : [this.#claimer]),
      ],
      redis: this.#connection.look,
    };
  }

  /** A task is due in a shard: see `Claimer`. */
  protected claimDue(shard: number, isClaimed: boolean): boolean {
    return this.#claimer?.claimDue(shard, isClaimed) ?? false;
  }

  async #close(graceMs: number): Promise<void> {
    const wasRunning = this.#state === "running";
    this.#state = "closing";
    this.#runner.giveBackWaiting();
    await this.#watch.stop();
    await this.#claimer?.stop(CLOSE_CALL_MS);
    await bounded(Promise.all(this.#startings), CLOSE_CALL_MS);
    await bounded(this.#runner.drained(), graceMs);
    const reason = new WorkerClosedError("the worker is closing and its grace is spent");
    for (const held of this.#runner.running.all()) this.#runner.abandon(held, RELEASE, reason);
    await bounded(this.#settler.drain(), SETTLE_ON_CLOSE_MS);
    await this.#keeper.stop();
    const left = this.#claimer?.leave(performance.now() + CLOSE_CALL_MS);
    await Promise.all([left, wasRunning ? this.#heartbeat.stop() : undefined]);
    this.#connection.release();
  }

  #serve(shards: number): void {
    if (this.#state !== "running") return;
    const claimer = new Claimer(this.#connection, this.#store, shards, {
      worker: this.id,
      leaseMs: this.parsed.leaseMs,
      slowPollMs: this.parsed.slowPollMs,
      concurrency: this.parsed.concurrency,
      mayClaim: () => this.#mayClaim(),
      slots: () => this.#runner.slots - this.#starting,
      freed: () => this.#runner.freed,
      onBatch: (batch) => this.#start(batch),
      onGone: () => void this.#checkGone(claimer), // reports its own failures
      onError: logFailure(this.logger),
    });
    this.#claimer = claimer;
    claimer.noticeMembers(this.#isServed, this.#workers);
    claimer.start();
  }

  /** Is it one shard, which a scheduler will repair, or was the queue obliterated? */
  async #checkGone(claimer: Claimer): Promise<void> {
    try {
      const meta = await this.#store.readMeta();
      if (meta?.shards !== claimer.shardCount) this.#gone(claimer);
    } catch (error) {
      logFailure(this.logger)(error);
    }
  }

  /** Find the queue anew. */
  #gone(claimer: Claimer): void {
    if (this.#claimer !== claimer || this.#state !== "running") return;
    this.#claimer = undefined;
    this.#store.forgetProfiles();
    void claimer.stop(CLOSE_CALL_MS); // its claims report their own failures
    this.#watch.lost(this.queue);
  }

  /** Settles and claims in the next turn of the event loop, when all that this one decides is there. */
  #sendSoon(): void {
    if (this.#isSending) return;
    this.#isSending = true;
    setImmediate(() => {
      this.#isSending = false;
      this.#settler.flush();
      this.#claimer?.pump();
    });
  }

  /** Settles that pile up stop claiming too. */
  #mayClaim(): boolean {
    return this.#state === "running" && this.#settler.count <= UNSETTLED_MAX + this.parsed.concurrency;
  }

  /** A batch whose options are not known yet waits for them; meanwhile its slots count as taken. */
  #start(batch: Batch): void {
    this.#runs.look();
    const unknown = batch.claimed.filter(
      ({ record }) => this.#store.cachedProfile(profileOf(record)) === undefined,
    );
    if (unknown.length === 0) {
      this.#startAll(batch, true);
      return;
    }
    this.#starting += Math.min(batch.room, batch.claimed.length);
    const started = this.#startLater(batch, new Set(unknown.map(({ record }) => profileOf(record)))).finally(
      () => this.#startings.delete(started),
    );
    this.#startings.add(started);
  }

  /** Tasks whose options cannot be read go back: run with others, they might be buried too soon. */
  async #startLater(batch: Batch, numbers: ReadonlySet<number>): Promise<void> {
    let isKnown = true;
    try {
      await Promise.all([...numbers].map(async (number) => await this.#store.profile(number)));
    } catch (error) {
      isKnown = false;
      this.#emitError(error);
    }
    this.#starting -= Math.min(batch.room, batch.claimed.length);
    this.#startAll(batch, isKnown);
    this.#sendSoon();
  }

  #startAll(batch: Batch, areKnown: boolean): void {
    for (const [i, claimed] of batch.claimed.entries())
      this.#startOne(batch, claimed, areKnown && i < batch.room);
    this.#expiryWarning.say();
  }

  /** @param canStart whether its options are known and there is a place for it */
  #startOne(batch: Batch, claimed: Claimed, canStart: boolean): void {
    const { held, verdict = canStart ? undefined : RELEASE } = readClaimed(batch, claimed, this.#reading);
    if (verdict?.kind === "expire") this.#expiryWarning.note(batch.nowMs - held.task.dueAtMs);
    this.#keeper.add(held);
    if (verdict !== undefined) this.#runner.decline(held, verdict);
    else if (this.#state === "running") this.#runner.start(held, batch.triedMs);
    else this.#runner.decline(held, RELEASE);
  }

  #keptOf({ profile, overrides }: Record): KeptOptions {
    const kept = this.#store.cachedProfile(profile) ?? KEPT_DEFAULTS;
    return overrides === undefined ? kept : { ...kept, ...overrides };
  }

  #settled({ held, verdict, result }: Settled): void {
    this.#keeper.remove(held);
    const task = held.task as Task<T>;
    if (held.run === undefined) this.taskLog.settled(task, verdict, held.durationMs);
    else held.run.within(() => this.taskLog.settled(task, verdict, held.durationMs));
    this.#instruments.settled(verdict);
    switch (verdict.kind) {
      case "ack":
      case "keep":
        this.#emit("completed", task, result as ResultOf<T, NameOf<T>>);
        break;
      case "retry":
        this.#emit("failed", task, verdict.error);
        break;
      case "bury":
        this.#emit("dead", task, verdict.error);
        break;
      case "expire":
        this.#emit("expired", task);
        break;
      case "release":
      case "postpone":
        break;
    }
  }

  /** Redis never said whether the settles counted. If they did not, the leases expire, and the tasks run again. */
  #settleFailed(settled: readonly Settled[], error: unknown): void {
    for (const { held } of settled) this.#keeper.remove(held);
    this.#emitError(error);
  }

  #lose(held: HeldTask): void {
    this.#keeper.remove(held);
    if (held.isLost) return;
    held.isLost = true;
    if (held.isStarted) this.#instruments.leasesLost++;
    this.#runner.lose(held);
    held.abort(new LeaseLostError(`the lease of task ${held.task.id} is lost`));
    if (held.run === undefined) this.taskLog.leaseLost(held.task);
    else held.run.within(() => this.taskLog.leaseLost(held.task));
    this.#emit("leaseLost", held.task as Task<T>);
  }

  #emitError(error: unknown): void {
    if (this.listenerCount("error") > 0) this.#emit("error", error);
    else this.#logError({ queue: this.queue }, error, "the worker met an error");
  }

  /** A listener that throws must not stop the worker. */
  #emit<E extends keyof WorkerEvents<T>>(event: E, ...args: WorkerEvents<T>[E]): void {
    try {
      (this as EventEmitter).emit(event, ...args);
    } catch (error) {
      this.#logError({ event }, error, "a listener of the worker threw");
    }
  }

  /** Described here: it may be an error of anybody's, and the logger too. */
  #logError(fields: object, error: unknown, message: string): void {
    tryToLog(() => this.logger.error({ ...fields, error: errorFields(error) }, message));
  }
}
