import { isDeepStrictEqual } from "node:util";
import { shardOf } from "../../src/core/ids.ts";
import type { KeptOptions } from "../../src/core/options.ts";
import type { Task, TaskCounts, TaskError, TaskState } from "../../src/core/task.ts";
import { profileNumber } from "../support/profile-number.ts";
import { profileText } from "./profile-text.ts";

/**
 * A queue as the simplest program would keep it: a map of tasks a shard, and a few numbers. Says what each verb answers and
 * what is then in every key. Knows no due sets and no runway: a task that waits is `pending`, delayed or ready by its time.
 */
interface Lease {
  readonly fence: string;
  readonly startedAtMs: number;
  readonly worker: string;
  deadlineMs: number;
}

export interface ModelTask {
  readonly id: string;
  readonly name: string;
  readonly profile: number;
  readonly overrides: Partial<KeptOptions>;
  readonly kept: KeptOptions;
  readonly priority: number;
  readonly addedAtMs: number;
  readonly firstDueAtMs: number;
  data: unknown;
  place: "pending" | "leased" | "dead" | "done";
  dueAtMs: number;
  attempts: number;
  deaths: number;
  /** Whether attempts, deaths or due time were written since the record was. */
  isChanged: boolean;
  lease: Lease | undefined;
  /** When it died, or is forgotten. */
  endAtMs: number;
  error: TaskError | undefined;
  result: unknown;
}

export interface ModelProducer {
  readonly defaults: KeptOptions;
  /** The number of its defaults, as it believes. */
  profile: number | undefined;
  /** Whether it believes to know the queue's shards. */
  isAware: boolean;
}

/** A task as a producer adds it. */
export interface Addition {
  readonly id: string;
  readonly name: string;
  readonly data: unknown;
  readonly dueAtMs: number;
  readonly priority: number;
  readonly given: Partial<KeptOptions>;
}

/** How a handler ends. */
export type End =
  | { readonly kind: "complete" | "fail" | "timeOut" | "giveUp" | "release" | "expire" }
  | { readonly kind: "later"; readonly ms: number };

/** Meta, or a shard's copy of it. */
export interface Meta {
  generation: string;
  isPaused: boolean;
  readonly profiles: Map<number, KeptOptions>;
}

interface Ctl extends Meta {
  levels: string;
  isBig: boolean;
}

interface Remembered {
  readonly atMs: number;
  readonly answer: readonly unknown[] | string | undefined;
}

export interface ModelShard {
  readonly tasks: Map<string, ModelTask>;
  readonly counters: Map<string, number>;
  readonly calls: Map<string, Remembered>;
  readonly waiting: Map<string, number>;
  ctl: Ctl | undefined;
  fence: string | undefined;
  epoch: string | undefined;
  /** Until when the scheduler was told to look, ms. */
  looksAt: number | undefined;
  owner: string | undefined;
}

const BIG_BYTES = 1900;
const REAPED_MAX_WHEN_BIG = 8;
const CALLS_KEPT_MS = 60_000;
const WAITING_KEPT_MS = 700_000;
export const FAILURE: TaskError = { name: "Error", message: "no" };
export const GIVEN_UP: TaskError = { name: "UnrecoverableError", message: "never" };
export const resultOf = (id: string): unknown => ({ of: id });

const byText = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

export class Model {
  readonly queue: string;
  readonly #clock: { readonly nowMs: number };
  readonly shardCount: number;
  shards: readonly ModelShard[];
  meta: Meta | undefined;

  constructor(queue: string, shardCount: number, clock: { readonly nowMs: number }) {
    this.queue = queue;
    this.#clock = clock;
    this.shardCount = shardCount;
    this.shards = Array.from({ length: shardCount }, emptyShard);
  }

  get nowMs(): number {
    return this.#clock.nowMs;
  }

  /** All tasks of a state, in the order of their scores; ties by shard, level and id. */
  tasks(state: TaskState): ModelTask[] {
    const levelOf = ({ place, priority }: ModelTask): number => (place === "pending" ? priority : 0);
    return this.shards
      .flatMap(({ tasks }) =>
        [...tasks.values()]
          .filter((task) => this.stateOf(task) === state)
          .toSorted((a, b) => levelOf(b) - levelOf(a) || byText(a.id, b.id)),
      )
      .toSorted((a, b) => scoreOf(a) - scoreOf(b));
  }

  task(id: string): ModelTask | undefined {
    return this.#shardOf(id).tasks.get(id);
  }

  stateOf({ place, dueAtMs }: ModelTask): TaskState {
    if (place !== "pending") return place;
    return dueAtMs > this.nowMs ? "delayed" : "ready";
  }

  view(id: string): Task | undefined {
    const task = this.task(id);
    if (task === undefined) return undefined;
    const { name, data, dueAtMs, addedAtMs, attempts, priority, lease, error, place, result } = task;
    return {
      id,
      queue: this.queue,
      shard: shardOf(id, this.shardCount),
      name,
      data,
      state: this.stateOf(task),
      dueAtMs,
      addedAtMs,
      attempt: attempts + (lease === undefined ? 0 : 1),
      priority,
      ...(lease !== undefined && { startedAtMs: lease.startedAtMs, fence: Number(lease.fence) }),
      ...(error !== undefined && { error }),
      ...(place === "done" && { result }),
    };
  }

  stats(): TaskCounts & { paused: boolean; counters: Record<string, number> } {
    const counters: Record<string, number> = {};
    for (const shard of this.shards)
      for (const [counter, count] of shard.counters) counters[counter] = (counters[counter] ?? 0) + count;
    const count = (state: TaskState): number => this.tasks(state).length;
    return {
      delayed: count("delayed"),
      ready: count("ready"),
      leased: count("leased"),
      dead: count("dead"),
      done: count("done"),
      paused: this.shards.some(({ ctl }) => ctl?.isPaused === true),
      counters,
    };
  }

  // Producers

  /**
   * A producer learns the number of its defaults when it first adds, and anew when the queue is gone. Returns false if it
   * had another number before: what it made for that one is refused.
   */
  introduce(producer: ModelProducer): boolean {
    producer.isAware = true;
    const before = producer.profile;
    if (before !== undefined && this.meta?.profiles.has(before) === true) return true;
    producer.profile = this.#register(producer.defaults);
    return before === undefined || before === producer.profile;
  }

  #register(defaults: KeptOptions): number {
    this.meta ??= { generation: this.#microseconds(), isPaused: false, profiles: new Map() };
    const { profiles, generation, isPaused } = this.meta;
    const known = [...profiles].find(([, profile]) => isDeepStrictEqual(profile, defaults));
    const number = known?.[0] ?? profileNumber(profileText(defaults), (taken) => profiles.has(taken));
    profiles.set(number, defaults);
    for (const shard of this.shards) {
      shard.ctl ??= { generation, isPaused, levels: "", isBig: false, profiles: new Map() };
      shard.ctl.profiles.set(number, defaults);
    }
    return number;
  }

  /** Returns whether there was a task of that id. */
  add(producer: ModelProducer, { id, name, data, dueAtMs, priority, given }: Addition): boolean {
    const shard = this.#shardOf(id);
    if (shard.tasks.has(id)) return true;
    const differs = ([key, value]: [string, unknown]): boolean =>
      !isDeepStrictEqual(value, producer.defaults[key as keyof KeptOptions]);
    const overrides: Partial<KeptOptions> = Object.fromEntries(Object.entries(given).filter(differs));
    shard.tasks.set(id, {
      id,
      name,
      data,
      profile: producer.profile ?? 0,
      overrides,
      kept: { ...producer.defaults, ...overrides },
      priority,
      addedAtMs: this.nowMs,
      firstDueAtMs: dueAtMs,
      dueAtMs,
      place: "pending",
      attempts: 0,
      deaths: 0,
      isChanged: false,
      lease: undefined,
      endAtMs: 0,
      error: undefined,
      result: undefined,
    });
    count(shard, "added");
    this.#useLevel(shard, priority, data);
    if (dueAtMs <= this.nowMs && shard.ctl?.isPaused === false) shard.waiting.clear();
    return false;
  }

  #useLevel({ ctl }: ModelShard, priority: number, data: unknown): void {
    if (ctl === undefined) return;
    const levels = new Set(ctl.levels).add(String(priority));
    ctl.levels = [...levels].toSorted().toReversed().join("");
    ctl.isBig ||= JSON.stringify(data).length > BIG_BYTES;
  }

  cancel(id: string, isAborted: boolean): string {
    const task = this.task(id);
    if (task === undefined) return "missing";
    if (task.place !== "pending" && !(task.place === "leased" && isAborted)) return task.place;
    this.#shardOf(id).tasks.delete(id);
    count(this.#shardOf(id), "cancelled");
    return "cancelled";
  }

  reschedule(id: string, dueAtMs: number): string {
    const task = this.task(id);
    if (task?.place !== "pending") return task?.place ?? "missing";
    this.#moveTo(task, dueAtMs);
    return "rescheduled";
  }

  runNow(id: string): string {
    const task = this.task(id);
    if (task?.place !== "pending") return task?.place ?? "missing";
    if (task.dueAtMs > this.nowMs || task.kept.expireMs > 0) this.#moveTo(task, this.nowMs);
    return "due";
  }

  update(id: string, data: unknown): string {
    const task = this.task(id);
    if (task === undefined || task.place === "leased" || task.place === "done")
      return task?.place ?? "missing";
    task.data = data;
    const { ctl } = this.#shardOf(id);
    if (ctl !== undefined) ctl.isBig ||= JSON.stringify(data).length > BIG_BYTES;
    return "updated";
  }

  requeue(id: string): string {
    const task = this.task(id);
    if (task === undefined) return "missing";
    if (task.place !== "dead") return this.stateOf(task);
    task.attempts = 0;
    task.deaths = 0;
    this.#moveTo(task, this.nowMs);
    count(this.#shardOf(id), "requeued");
    return "requeued";
  }

  purge(id: string): string {
    const task = this.task(id);
    if (task === undefined) return "missing";
    if (task.place !== "dead" && task.place !== "done") return this.stateOf(task);
    this.#shardOf(id).tasks.delete(id);
    if (task.place === "dead") count(this.#shardOf(id), "purged");
    return "purged";
  }

  /** Returns false if there is no queue. */
  setPaused(isPaused: boolean): boolean {
    if (this.meta === undefined) return false;
    const generation = this.#next(this.meta.generation);
    const isResumed = this.meta.isPaused && !isPaused;
    Object.assign(this.meta, { generation, isPaused });
    for (const { ctl, waiting } of this.shards) {
      if (ctl !== undefined) Object.assign(ctl, { generation, isPaused });
      if (isResumed) waiting.clear();
    }
    return true;
  }

  /** Returns false if tasks are running and it is not forced. */
  obliterate(producer: ModelProducer, isForced: boolean): boolean {
    const wasPaused = this.meta?.isPaused === true;
    if (!isForced) this.setPaused(true);
    if (!isForced && this.tasks("leased").length > 0) {
      if (!wasPaused) this.setPaused(false);
      return false;
    }
    if (this.meta !== undefined) this.shards = Array.from({ length: this.shardCount }, emptyShard);
    this.meta = undefined;
    producer.profile = undefined;
    producer.isAware = false;
    return true;
  }

  /** Whether an export may be restored now. */
  isFree(): boolean {
    const { delayed, ready, leased, dead, done, paused } = this.stats();
    return leased === 0 && (paused || delayed + ready + dead + done === 0);
  }

  /** A task as it was at `thenMs`, unless there is one of its id. */
  restore(then: ModelTask, thenMs: number): void {
    const shard = this.#shardOf(then.id);
    if (shard.tasks.has(then.id)) return;
    const { attempts, deaths, dueAtMs, firstDueAtMs, place, endAtMs, priority, data } = then;
    shard.tasks.set(then.id, {
      ...then,
      place: place === "leased" ? "pending" : place,
      lease: undefined,
      isChanged: attempts > 0 || deaths > 0 || dueAtMs !== firstDueAtMs,
      endAtMs: place === "done" ? this.nowMs + Math.max(0, endAtMs - thenMs) : endAtMs,
    });
    count(shard, "added");
    count(shard, "restored");
    if (place === "done") count(shard, "completed");
    this.#useLevel(shard, priority, data);
  }

  // Workers

  /** @param line the ids of the shard's pending tasks, in the order of their turns */
  claim(
    index: number,
    request: { worker: string; number: number; leaseMs: number; count: number },
    line: readonly string[],
  ) {
    const shard = this.shard(index);
    const { ctl, calls, waiting, tasks } = shard;
    const { worker, number, leaseMs, count } = request;
    if (ctl === undefined) return { word: "NO_QUEUE" } as const;
    const remembered = calls.get(worker);
    if (remembered?.answer !== undefined) {
      const [last, fence] = remembered.answer as [number, string];
      if (number < last) return { word: "STALE" } as const;
      if (number === last) {
        const endMs = remembered.atMs + leaseMs;
        const held = [...tasks]
          .filter(([, { lease }]) => lease?.fence === fence && lease.deadlineMs === endMs)
          .map(([id]) => id)
          .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        return { word: "CLAIMED", nowMs: remembered.atMs, fence, isMore: true, ids: held } as const;
      }
    }
    const ready = ctl.isPaused ? [] : line;
    const ids = ready.slice(0, count);
    const isMore = ready.length > ids.length;
    if (ids.length < count) waiting.set(worker, this.nowMs);
    else if (isMore) waiting.clear();
    if (ids.length === 0) {
      calls.set(worker, { atMs: this.nowMs, answer: [number, "0"] });
      return { word: ctl.isPaused ? "PAUSED" : "EMPTY" } as const;
    }
    shard.fence = this.#next(shard.fence);
    const { fence } = shard;
    this.#noteLook(shard, this.nowMs + leaseMs, isMore);
    for (const id of ids) {
      const task = tasks.get(id);
      if (task === undefined) throw new Error(`the keyspace holds ${id}, the model does not`);
      task.place = "leased";
      task.lease = { fence, startedAtMs: this.nowMs, worker, deadlineMs: this.nowMs + leaseMs };
    }
    calls.set(worker, { atMs: this.nowMs, answer: [number, fence] });
    return { word: "CLAIMED", nowMs: this.nowMs, fence, isMore, ids } as const;
  }

  /** The scheduler is told of the first lease, but for one that ends after it was told to look, while there is more. */
  #noteLook(shard: ModelShard, endMs: number, isMore: boolean): void {
    const deadlines = [...shard.tasks.values()].map(
      ({ lease }) => lease?.deadlineMs ?? Number.POSITIVE_INFINITY,
    );
    const isFirst = endMs < Math.min(...deadlines);
    const { looksAt } = shard;
    const isTold = isMore && looksAt !== undefined && this.nowMs < looksAt && looksAt <= endMs;
    if (isFirst && !isTold) shard.looksAt = endMs;
  }

  /** Whether the task that is leased was claimed too late to be started. */
  isExpired(id: string): boolean {
    const { kept, dueAtMs = 0, lease } = this.task(id) ?? {};
    const latestMs = kept === undefined || kept.expireMs === 0 ? Infinity : dueAtMs + kept.expireMs;
    return (lease?.startedAtMs ?? 0) > latestMs;
  }

  /** Returns the indexes of those that were refused. */
  settle(index: number, items: readonly { id: string; fence: string; end: End }[]): number[] {
    const refused: number[] = [];
    items.forEach(({ id, fence, end }, i) => {
      const task = this.shard(index).tasks.get(id);
      if (task?.lease?.fence === fence) this.#end(this.shard(index), task, end);
      else refused.push(i);
    });
    return refused;
  }

  /** Forgets the two oldest calls, if they are over. */
  #remember({ calls }: ModelShard, id: string, answer: Remembered["answer"]): void {
    const over = [...calls].filter(([, { atMs }]) => atMs <= this.nowMs - CALLS_KEPT_MS);
    over.sort(([a, { atMs }], [b, other]) => atMs - other.atMs || (a < b ? -1 : 1));
    for (const [old] of over.slice(0, 2)) calls.delete(old);
    calls.set(id, { atMs: this.nowMs, answer });
  }

  #end(shard: ModelShard, task: ModelTask, end: End): void {
    const attempt = task.attempts + 1;
    const { attempts, keepResultMs, backoff } = task.kept;
    task.lease = undefined;
    switch (end.kind) {
      case "complete":
        count(shard, "completed");
        if (keepResultMs === 0) {
          shard.tasks.delete(task.id);
          break;
        }
        Object.assign(task, { place: "done", endAtMs: this.nowMs + keepResultMs });
        Object.assign(task, { attempts: attempt, isChanged: true });
        Object.assign(task, { result: resultOf(task.id), error: undefined });
        break;
      case "fail":
      case "timeOut":
      case "giveUp":
        count(shard, "failed");
        if (end.kind === "timeOut") count(shard, "timedOut");
        Object.assign(task, { attempts: attempt, isChanged: true });
        task.error = end.kind === "giveUp" ? GIVEN_UP : FAILURE;
        if (end.kind === "giveUp" || attempt >= attempts) {
          count(shard, "dead");
          Object.assign(task, { place: "dead", endAtMs: this.nowMs });
          break;
        }
        count(shard, "retried");
        this.#moveTo(task, this.nowMs + backoff.delay * (backoff.type === "fixed" ? 1 : 2 ** (attempt - 1)));
        break;
      case "later":
        count(shard, "released");
        this.#moveTo(task, this.nowMs + end.ms);
        break;
      case "expire":
        count(shard, "expired");
        shard.tasks.delete(task.id);
        break;
      case "release":
        count(shard, "released");
        task.place = "pending";
        if (task.dueAtMs <= this.nowMs) shard.waiting.clear();
        break;
    }
  }

  /** Returns the indexes of the leases that are lost. */
  extend(index: number, leaseMs: number, items: readonly { id: string; fence: string }[]): number[] {
    const lost: number[] = [];
    items.forEach(({ id, fence }, i) => {
      const lease = this.shard(index).tasks.get(id)?.lease;
      if (lease?.fence === fence) lease.deadlineMs = this.nowMs + leaseMs;
      else lost.push(i);
    });
    return lost;
  }

  leave(index: number, member: string): void {
    const shard = this.shard(index);
    if (shard.owner === member) shard.owner = undefined;
    shard.waiting.delete(member);
    shard.calls.delete(member);
  }

  // Schedulers

  take(index: number, scheduler: string, seenEpoch: string) {
    const shard = this.shard(index);
    const { ctl, epoch = "0", owner = "" } = shard;
    if (ctl === undefined) return { word: "NO_QUEUE" } as const;
    if (seenEpoch !== epoch) return { word: "HELD", epoch, owner } as const;
    shard.epoch = this.#next(shard.epoch);
    shard.owner = scheduler;
    return { word: "TAKEN", epoch: shard.epoch } as const;
  }

  /** @param onRunway how many of the ready tasks are on the runway already */
  tick(index: number, epoch: string, tidies: boolean, onRunway: number) {
    const shard = this.shard(index);
    const { ctl, tasks, waiting } = shard;
    if (ctl === undefined) return { word: "NO_QUEUE" } as const;
    if (shard.epoch !== epoch) return { word: "STALE", epoch: shard.epoch ?? "0" } as const;
    shard.looksAt = undefined;
    const { recoveredIds, buriedIds } = this.#reap(shard);
    const ready = [...tasks.values()].filter((task) => this.stateOf(task) === "ready").length;
    if (ready > 0 && !ctl.isPaused) waiting.clear();
    for (const { id, place, endAtMs } of tasks.values())
      if (place === "done" && endAtMs <= this.nowMs) tasks.delete(id);
    if (tidies) this.#tidy(shard);
    return {
      word: "TICKED",
      recovered: recoveredIds.length,
      buried: buriedIds.length,
      recoveredIds,
      buriedIds,
      moved: ready - onRunway,
      nextDueMs: Math.min(...[...tasks.values()].map((task) => this.#nextDueMs(task))),
      nextWakeMs: Math.min(...[...tasks.values()].map((task) => this.#wakeMs(task))),
      woken: 0,
      fence: Number(shard.fence ?? 0),
      generation: ctl.generation,
    } as const;
  }

  #tidy({ calls, waiting }: ModelShard): void {
    for (const [id, { atMs }] of calls) if (atMs <= this.nowMs - CALLS_KEPT_MS) calls.delete(id);
    for (const [worker, atMs] of waiting) if (atMs <= this.nowMs - WAITING_KEPT_MS) waiting.delete(worker);
  }

  #reap(shard: ModelShard): { recoveredIds: string[]; buriedIds: string[] } {
    const expired = [...shard.tasks.values()]
      .filter(({ lease }) => lease !== undefined && lease.deadlineMs <= this.nowMs)
      .toSorted((a, b) => scoreOf(a) - scoreOf(b) || byText(a.id, b.id))
      .slice(0, shard.ctl?.isBig === true ? REAPED_MAX_WHEN_BIG : Number.POSITIVE_INFINITY);
    const recoveredIds: string[] = [];
    const buriedIds: string[] = [];
    for (const task of expired) {
      task.lease = undefined;
      task.attempts++;
      task.deaths++;
      task.isChanged = true;
      const isSpent = task.attempts >= task.kept.attempts || task.deaths >= task.kept.deathsMax;
      count(shard, isSpent ? "dead" : "recovered");
      task.place = isSpent ? "dead" : "pending";
      (isSpent ? buriedIds : recoveredIds).push(task.id);
      if (!isSpent) continue;
      task.endAtMs = this.nowMs;
      const message = `lease expired ${task.deaths} times, ${task.attempts} attempts used`;
      task.error = { name: "LeaseExpired", message };
    }
    return { recoveredIds, buriedIds };
  }

  /** In how many ms this task is due, if it is delayed. */
  #nextDueMs({ place, dueAtMs }: ModelTask): number {
    return place === "pending" && dueAtMs > this.nowMs ? dueAtMs - this.nowMs : Number.POSITIVE_INFINITY;
  }

  /** In how many ms the shard must be looked at again because of this task. */
  #wakeMs(task: ModelTask): number {
    switch (task.place) {
      case "pending":
        return this.#nextDueMs(task);
      case "leased":
      case "done":
        return Math.max(0, scoreOf(task) - this.nowMs + 1);
      case "dead":
        return Number.POSITIVE_INFINITY;
    }
  }

  shard(index: number): ModelShard {
    const shard = this.shards[index];
    if (shard === undefined) throw new Error(`there is no shard ${index}`);
    return shard;
  }

  remember(index: number, callId: string, answer: Remembered["answer"]): void {
    this.#remember(this.shard(index), callId, answer);
  }

  #moveTo(task: ModelTask, dueAtMs: number): void {
    Object.assign(task, { place: "pending", dueAtMs, isChanged: true });
    if (dueAtMs <= this.nowMs) this.#shardOf(task.id).waiting.clear();
  }

  #shardOf(id: string): ModelShard {
    return this.shard(shardOf(id, this.shardCount));
  }

  #microseconds(): string {
    return String(this.nowMs * 1000);
  }

  /** Fences, epochs and generations grow, whatever the clock says. */
  #next(last: string | undefined): string {
    return String(Math.max(Number(last ?? 0) + 1, this.nowMs * 1000));
  }
}

function emptyShard(): ModelShard {
  return {
    tasks: new Map(),
    counters: new Map(),
    calls: new Map(),
    waiting: new Map(),
    ctl: undefined,
    fence: undefined,
    epoch: undefined,
    looksAt: undefined,
    owner: undefined,
  };
}

function count(shard: ModelShard, counter: string): void {
  shard.counters.set(counter, (shard.counters.get(counter) ?? 0) + 1);
}

/** The score of a task where it is. */
export function scoreOf({ place, dueAtMs, lease, endAtMs }: ModelTask): number {
  if (place === "pending") return dueAtMs;
  return place === "leased" ? (lease?.deadlineMs ?? 0) : endAtMs;
}
