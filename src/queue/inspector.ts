import { TASK_STATES, type Task, type TaskCounts, type TaskState } from "../core/task.ts";
import { shardOf } from "../core/ids.ts";
import { asksForRecord, matches, scoresOf, type ParsedFilter, type ScoreRange } from "../core/task-filter.ts";
import type { CallOptions } from "../store/connection.ts";
import type { ShardKeys } from "../store/keys.ts";
import { READ_BATCH_MAX, pageSources, type PageSource, type QueueStore } from "../store/queue-store.ts";
import { unreadView, viewOf, type StoredTask } from "../store/task-view.ts";
import { Batcher } from "./batcher.ts";
import type { Registration } from "./registration.ts";
import { SeenIds } from "./seen-ids.ts";

/**
 * Looks at tasks without changing anything. Lists are paged, and each page is looked up when it is asked for: a task that
 * moves meanwhile to another state or due time may be missed, one that stays where it is is seen exactly once.
 */
interface Listed {
  readonly keys: ShardKeys;
  readonly id: string;
  readonly score: number;
}

/** How many ids are read at once, and how many tasks; the first tasks of a list should be there soon. */
const PAGE_MAX = 300;
const TASKS_FIRST = 100;
const TASKS_MAX = 400;
const GET_MS = 10_000;

/** What became of a look at one task: it may not be there, or its record not be readable here. */
type Seen = Task | undefined | Unreadable;

class Unreadable {
  readonly error: unknown;
  /** What can be told of it all the same. */
  readonly task: Task;

  constructor(error: unknown, task: Task) {
    this.error = error;
    this.task = task;
  }
}

export class Inspector {
  readonly #store: QueueStore;
  readonly #registration: Registration;
  readonly #gets: Batcher<Seen>;

  constructor(store: QueueStore, registration: Registration, waitingMax: number) {
    this.#store = store;
    this.#registration = registration;
    this.#gets = new Batcher(async (shard, ids, _items, options) => {
      const keys = (await this.#shards())[shard];
      return keys === undefined ? [] : await this.#lookUp(keys, ids.map(String), options);
    }, waitingMax);
  }

  async get(id: string): Promise<Task | undefined> {
    const shards = await this.#shards();
    if (shards.length === 0) return undefined;
    const deadlineMs = performance.now() + GET_MS;
    const seen = await this.#gets.push(shardOf(id, shards.length), {
      args: [id],
      bytes: id.length * 3,
      deadlineMs,
      confirmation: undefined,
    });
    if (seen instanceof Unreadable) throw seen.error;
    return seen;
  }

  async counts(): Promise<TaskCounts & { paused: boolean; counters: Record<string, number> }> {
    const all = await Promise.all((await this.#shards()).map((keys) => this.#store.counts(keys)));
    const sum = Object.fromEntries(TASK_STATES.map((state) => [state, 0])) as TaskCounts;
    const counters: Record<string, number> = {};
    for (const shard of all) {
      for (const state of TASK_STATES) sum[state] += shard[state];
      for (const [counter, count] of shard.counters) counters[counter] = (counters[counter] ?? 0) + count;
    }
    return { ...sum, paused: all.some(({ paused }) => paused), counters };
  }

  /**
   * Tasks of a state, earliest first (ready ones by level and shard). Of those that come into the state meanwhile, some may be
   * listed: it ends all the same.
   */
  async *list(state: TaskState, filter: ParsedFilter, signal?: AbortSignal): AsyncGenerator<Task> {
    let left = filter.limit ?? Number.POSITIVE_INFINITY;
    if (left === 0) return;
    for await (const batch of this.#batches(state, filter, Math.min(TASKS_FIRST, left))) {
      if (signal?.aborted === true) return;
      for (const task of await this.#tasks(batch, state)) {
        if (!matches(task, filter)) continue;
        yield task;
        if (--left === 0) return;
      }
    }
  }

  /** The ids of a list. Where the filter asks for nothing that stands in records, none is read. */
  async *ids(state: TaskState, filter: ParsedFilter, signal?: AbortSignal): AsyncGenerator<string> {
    if (asksForRecord(filter, state)) {
      for await (const { id } of this.list(state, filter, signal)) yield id;
      return;
    }
    let left = filter.limit ?? Number.POSITIVE_INFINITY;
    for await (const { id } of this.#ids(state, filter)) {
      if (left-- === 0) return;
      yield id;
    }
  }

  /** @param firstMax how many the first one holds at most, so that it comes soon */
  async *#batches(state: TaskState, filter: ParsedFilter, firstMax: number): AsyncGenerator<Listed[]> {
    let batch: Listed[] = [];
    let max = Math.max(1, firstMax);
    for await (const listed of this.#ids(state, filter)) {
      if (batch.push(listed) < max) continue;
      yield batch;
      batch = [];
      max = TASKS_MAX;
    }
    yield batch;
  }

  async *#ids(state: TaskState, filter: ParsedFilter): AsyncGenerator<Listed> {
    const { idPrefix } = filter;
    for await (const listed of this.#sequence(state, scoresOf(filter, state))) {
      if (idPrefix === undefined || listed.id.startsWith(idPrefix)) yield listed;
    }
  }

  async *#sequence(state: TaskState, range: ScoreRange): AsyncGenerator<Listed> {
    const shards = await this.#shards();
    const levels = await Promise.all(shards.map((keys) => this.#store.levels(keys)));
    if (state === "ready") {
      for (const [shard, keys] of shards.entries()) {
        for (const level of levels[shard] ?? []) yield* this.#readyOf(keys, level, range);
      }
      return;
    }
    const sources = shards.flatMap((keys, shard) =>
      pageSources(keys, state, levels[shard] ?? []).map((source) => this.#pages(keys, source, range)),
    );
    yield* merged(sources);
  }

  /** Tasks go from the due set onto the runway meanwhile: so it is looked at again behind the last page. */
  async *#readyOf(keys: ShardKeys, level: number, range: ScoreRange): AsyncGenerator<Listed> {
    const seen = new SeenIds();
    const runway = async (): Promise<Listed[]> =>
      (await this.#store.runway(keys, level))
        .filter((id) => seen.add(id))
        .map((id) => ({ keys, id, score: 0 }));
    yield* await runway();
    for (const source of pageSources(keys, "ready", [level])) {
      for await (const listed of this.#pages(keys, source, range)) if (seen.add(listed.id)) yield listed;
    }
    yield* await runway();
  }

  async *#pages(keys: ShardKeys, source: PageSource, range: ScoreRange): AsyncGenerator<Listed> {
    // No id is empty: the first page begins with the first id of that score.
    let after = range.fromMs > 0 ? { id: "", score: range.fromMs } : undefined;
    let beganMs: number | undefined;
    for (;;) {
      const { page, nowMs } = await this.#store.page(source, after, PAGE_MAX);
      beganMs ??= nowMs;
      for (const { id, score } of page) {
        // Tasks that become due or die while the ready or the dead are listed would make the list endless.
        const isGrowing = source.range === "due" || source.scored === keys.dead;
        if (score >= range.untilMs || (isGrowing && score > beganMs)) return;
        yield { keys, id, score };
      }
      after = page.at(-1);
      if (after === undefined || page.length < PAGE_MAX) return;
    }
  }

  /** Looks the tasks up in their shards at the same time, and keeps the order of the list. */
  async #tasks(batch: readonly Listed[], state: TaskState): Promise<Task[]> {
    const byShard = new Map<ShardKeys, string[]>();
    for (const { keys, id } of batch) {
      const ids = byShard.get(keys);
      if (ids === undefined) byShard.set(keys, [id]);
      else ids.push(id);
    }
    const found = new Map<string, Task>();
    await Promise.all(
      [...byShard].map(async ([keys, ids]) => {
        for (const seen of await this.#lookUp(keys, ids)) {
          const task = seen instanceof Unreadable ? seen.task : seen;
          if (task?.state === state) found.set(task.id, task);
        }
      }),
    );
    return batch.map(({ id }) => found.get(id)).filter((task) => task !== undefined);
  }

  /** In the order of the ids; a call may answer fewer than it was asked for, so that large payloads do not stall Redis. */
  async #lookUp(keys: ShardKeys, ids: readonly string[], options?: CallOptions): Promise<Seen[]> {
    const tasks: Seen[] = [];
    while (tasks.length < ids.length) {
      const asked = ids.slice(tasks.length, tasks.length + READ_BATCH_MAX);
      for (const stored of await this.#store.get(keys, asked, options)) {
        tasks.push(this.#view(keys.shard, ids[tasks.length] ?? "", stored));
      }
    }
    return tasks;
  }

  /** One that cannot be read keeps no other from being shown. */
  #view(shard: number, id: string, stored: StoredTask): Seen {
    const { queue } = this.#store.namespace;
    try {
      return viewOf(queue, shard, id, stored);
    } catch (error) {
      return new Unreadable(error, unreadView(queue, shard, id, stored, error));
    }
  }

  async #shards(): Promise<readonly ShardKeys[]> {
    const count = await this.#registration.knownShards();
    return count === undefined ? [] : this.#store.shards(count);
  }
}

/** Merges sequences that are ordered by score into one. */
async function* merged(sources: readonly AsyncGenerator<Listed>[]): AsyncGenerator<Listed> {
  const open = await Promise.all(sources.map(async (source) => ({ source, head: await source.next() })));
  for (;;) {
    let first: (typeof open)[number] | undefined;
    for (const one of open) {
      if (one.head.done === true) continue;
      const best = first?.head.done === false ? first.head.value.score : Number.POSITIVE_INFINITY;
      if (first === undefined || one.head.value.score < best) first = one;
    }
    if (first?.head.done !== false) return;
    yield first.head.value;
    first.head = await first.source.next();
  }
}
