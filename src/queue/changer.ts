import { DelayqError } from "../core/errors.ts";
import { shardOf } from "../core/ids.ts";
import { checkTaskId } from "../core/names.ts";
import { limitSchema, type Confirmation } from "../core/options.ts";
import { show } from "../core/validate.ts";
import type { ShardKeys } from "../store/keys.ts";
import type { QueueStore } from "../store/queue-store.ts";
import type { Arg } from "../store/script.ts";
import { Batcher } from "./batcher.ts";
import type { Inspector } from "./inspector.ts";
import type { Registration } from "./registration.ts";

/** Which dead (or done) tasks: all, those of a name, those whose last error's name or message holds a text. */
export interface TaskFilter {
  name?: string;
  error?: string;
  /** At most so many. */
  limit?: number;
}

type Verb = "cancel" | "reschedule" | "update" | "runNow" | "requeue" | "purge";

const CHANGE_BATCH_MAX = 1000;
const CHANGE_MS = 10_000;

/** Changes tasks by their ids: one, many, or all that a filter matches, in batches of one shard. */
export class Changer {
  readonly #store: QueueStore;
  readonly #registration: Registration;
  readonly #inspector: Inspector;
  readonly #verbs: Record<Verb, Batcher<string>>;

  constructor(store: QueueStore, registration: Registration, inspector: Inspector, waitingMax: number) {
    this.#store = store;
    this.#registration = registration;
    this.#inspector = inspector;
    this.#verbs = this.#batchers(waitingMax);
  }

  /** @param args what the verb's script takes beside the id */
  async change(
    verb: Verb,
    id: string,
    args: readonly Arg[],
    confirmation: Confirmation | undefined,
  ): Promise<string> {
    checkTaskId(id);
    const shards = await this.#registration.knownShards();
    if (shards === undefined) return "missing";
    const bytes = 3 * args.reduce<number>((sum, arg) => sum + String(arg).length, id.length);
    return await this.#verbs[verb].push(shardOf(id, shards), {
      args: [id, ...args],
      bytes,
      deadlineMs: performance.now() + CHANGE_MS,
      confirmation,
    });
  }

  /** Counts the outcomes; of one id it is the outcome itself. */
  async changeAll(
    verb: "requeue" | "purge",
    which: string | readonly string[] | TaskFilter,
    state: "dead" | "done",
    confirmation: Confirmation | undefined,
  ): Promise<unknown> {
    if (typeof which === "string") return await this.change(verb, which, [], confirmation);
    const outcomes: Record<string, number> = {};
    const changed = async (ids: readonly string[]): Promise<void> => {
      for (const outcome of await Promise.all(ids.map((id) => this.change(verb, id, [], confirmation)))) {
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      }
    };
    let batch: string[] = [];
    for await (const id of isIds(which) ? which : this.#matching(which, state)) {
      batch.push(id);
      if (batch.length < CHANGE_BATCH_MAX) continue;
      await changed(batch);
      batch = [];
    }
    await changed(batch);
    return outcomes;
  }

  async *#matching(filter: TaskFilter, state: "dead" | "done"): AsyncGenerator<string> {
    let left = checkLimit(filter.limit);
    for await (const task of this.#inspector.list(state)) {
      if (left === 0) return;
      if (filter.name !== undefined && task.name !== filter.name) continue;
      if (filter.error !== undefined && !`${task.error?.name}: ${task.error?.message}`.includes(filter.error))
        continue;
      left--;
      yield task.id;
    }
  }

  #batchers(waitingMax: number): Record<Verb, Batcher<string>> {
    const batcher = (verb: Verb): Batcher<string> =>
      new Batcher<string>(async (shard, args, items, options) => {
        const keys = (await this.#shards())[shard];
        return keys === undefined ? items.map(() => "missing") : await this.#store[verb](keys, args, options);
      }, waitingMax);
    return {
      cancel: batcher("cancel"),
      reschedule: batcher("reschedule"),
      update: batcher("update"),
      runNow: batcher("runNow"),
      requeue: batcher("requeue"),
      purge: batcher("purge"),
    };
  }

  async #shards(): Promise<readonly ShardKeys[]> {
    const count = await this.#registration.knownShards();
    return count === undefined ? [] : this.#store.shards(count);
  }
}

export const isIds = (which: string | readonly string[] | TaskFilter): which is string | readonly string[] =>
  typeof which === "string" || Array.isArray(which);

/** @throws DelayqError `DELAYQ_INVALID_OPTION` */
export function checkLimit(limit: unknown): number {
  const parsed = limitSchema.safeParse(limit);
  if (parsed.success) return parsed.data ?? Number.POSITIVE_INFINITY;
  throw new DelayqError(
    "DELAYQ_INVALID_OPTION",
    `Expected \`limit\` to be an integer of at least 0, got ${show(limit)}.`,
  );
}
