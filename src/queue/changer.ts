import { DelayqError, NotConfirmedError, UnknownOutcomeError } from "../core/errors.ts";
import { shardOf } from "../core/ids.ts";
import { checkTaskId } from "../core/names.ts";
import type { Confirmation } from "../core/options.ts";
import type { ParsedFilter } from "../core/task-filter.ts";
import type { QueueInstruments } from "../runtime/instruments.ts";
import type { TaskState } from "../core/task.ts";
import type { TaskLog } from "../runtime/task-log.ts";
import type { CallOptions } from "../store/connection.ts";
import type { ShardKeys } from "../store/keys.ts";
import type { QueueStore } from "../store/queue-store.ts";
import type { Arg } from "../store/script.ts";
import { Batcher } from "./batcher.ts";
import type { Inspector } from "./inspector.ts";
import type { Registration } from "./registration.ts";

/** How a change of many tasks goes on. */
export interface BulkOptions {
  /** Ends it between two batches; what it resolves to says what was done. The rest is as it was. */
  signal?: AbortSignal | undefined;
  /** Called after each batch, with how many there were of each outcome so far. */
  onProgress?: ((outcomes: Readonly<Record<string, number>>) => void) | undefined;
}

/** All tasks of the states, one state after the other, that the filter matches. */
interface Matching {
  readonly states: readonly TaskState[];
  readonly filter: ParsedFilter;
}

interface ChangerOptions {
  readonly waitingMax: number;
  readonly instruments: QueueInstruments;
  readonly taskLog: TaskLog;
}

type Verb = "cancel" | "reschedule" | "update" | "runNow" | "requeue" | "purge";

interface Failure {
  readonly id: string;
  readonly error: unknown;
}

const CHANGE_BATCH_MAX = 1000;
const CHANGE_MS = 10_000;

/** Changes tasks by their ids: one, many, or all that a filter matches, in batches of one shard. */
export class Changer {
  readonly #store: QueueStore;
  readonly #registration: Registration;
  readonly #inspector: Inspector;
  readonly #instruments: QueueInstruments;
  readonly #verbs: Record<Verb, Batcher<string>>;
  readonly #taskLog: TaskLog;

  constructor(
    store: QueueStore,
    registration: Registration,
    inspector: Inspector,
    { instruments, waitingMax, taskLog }: ChangerOptions,
  ) {
    this.#store = store;
    this.#registration = registration;
    this.#inspector = inspector;
    this.#instruments = instruments;
    this.#verbs = this.#batchers(waitingMax);
    this.#taskLog = taskLog;
  }

  /** @param args what the verb's script takes beside the id */
  async change(
    verb: Verb,
    id: string,
    args: readonly Arg[],
    confirmation: Confirmation | undefined,
  ): Promise<string> {
    checkTaskId(id);
    const deadlineMs = performance.now() + CHANGE_MS;
    const shards = await this.#registration.knownShards({ deadlineMs });
    if (shards === undefined) return "missing";
    const bytes = 3 * args.reduce<number>((sum, arg) => sum + String(arg).length, id.length);
    const shard = shardOf(id, shards);
    const outcome = await this.#verbs[verb].push(shard, {
      args: [id, ...args],
      bytes,
      deadlineMs,
      confirmation,
    });
    this.#taskLog.changed(this.#store.namespace.queue, shard, id, outcome);
    return outcome;
  }

  /**
   * Changes those ids, or all tasks of the states that match; counts the outcomes. The batch in which one fails is the last.
   *
   * @throws NotConfirmedError, UnknownOutcomeError with all ids of that batch whose changes failed so
   */
  async changeAll(
    verb: "cancel" | "requeue" | "purge",
    which: readonly string[] | Matching,
    args: readonly Arg[],
    { signal, onProgress }: BulkOptions,
    confirmation: Confirmation | undefined,
  ): Promise<Record<string, number>> {
    const outcomes: Record<string, number> = {};
    const changed = async (ids: readonly string[]): Promise<void> => {
      const settled = await Promise.allSettled(ids.map((id) => this.change(verb, id, args, confirmation)));
      const failures: Failure[] = [];
      for (const [i, one] of settled.entries()) {
        if (one.status === "fulfilled") outcomes[one.value] = (outcomes[one.value] ?? 0) + 1;
        else failures.push({ id: ids[i] ?? "", error: one.reason });
      }
      onProgress?.({ ...outcomes });
      if (failures.length > 0) throw stopped(verb, failures, outcomes);
    };
    let batch: string[] = [];
    // The next ids are looked for while the last ones are changed.
    let underWay = Promise.resolve();
    for await (const id of "states" in which ? this.#matching(which, signal) : which) {
      if (signal?.aborted === true) break;
      if (batch.push(id) < CHANGE_BATCH_MAX) continue;
      await underWay;
      underWay = changed(batch);
      underWay.catch(() => {}); // it is awaited below, unless finding more fails before
      batch = [];
    }
    await underWay;
    if (signal?.aborted !== true) await changed(batch);
    return outcomes;
  }

  async *#matching({ states, filter }: Matching, signal?: AbortSignal): AsyncGenerator<string> {
    let left = filter.limit;
    for (const state of states) {
      for await (const id of this.#inspector.ids(state, { ...filter, limit: left }, signal)) {
        if (left !== undefined) left--;
        yield id;
      }
    }
  }

  #batchers(waitingMax: number): Record<Verb, Batcher<string>> {
    const batcher = (verb: Verb): Batcher<string> =>
      new Batcher<string>(async (shard, args, items, options) => {
        const keys = (await this.#shards(options))[shard];
        if (keys === undefined) return items.map(() => "missing");
        const outcomes = await this.#store[verb](keys, args, options);
        for (const outcome of outcomes) {
          if (outcome === "cancelled" || outcome === "requeued") this.#instruments[outcome]++;
        }
        return outcomes;
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

  async #shards({ deadlineMs }: CallOptions): Promise<readonly ShardKeys[]> {
    const count = await this.#registration.knownShards({ deadlineMs });
    return count === undefined ? [] : this.#store.shards(count);
  }
}

/** One error for a batch: with the ids of which it is not known whether they were changed for good. If there is none, what the first one said. */
function stopped(
  verb: Verb,
  failures: readonly Failure[],
  outcomes: Readonly<Record<string, number>>,
): unknown {
  const unknown = failures.filter(({ error }) => error instanceof UnknownOutcomeError);
  const unconfirmed = failures.filter(({ error }) => error instanceof NotConfirmedError);
  const doubtful = [...unknown, ...unconfirmed];
  const [first] = [...doubtful, ...failures];
  if (first === undefined || doubtful.length === 0) return first?.error;
  const answered = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
  const text = first.error instanceof Error ? first.error.message : "";
  const message = `Stopped ${verb} of many: ${answered} ids were answered, ${unconfirmed.length} were not confirmed, of ${unknown.length} it is not known, ${failures.length - doubtful.length} were not changed, and what is behind them was left. The first: ${text}`;
  const options = { cause: first.error instanceof DelayqError ? first.error.cause : first.error };
  const ids = doubtful.map(({ id }) => id);
  return unknown.length > 0
    ? new UnknownOutcomeError(message, ids, options)
    : new NotConfirmedError(message, ids, options);
}
