import { BulkIncompleteError } from "../../core/errors.ts";
import type { Queue } from "../../queue/queue.ts";
import type { LineTask } from "./line-task.ts";

/** Eight calls of Redis each, a few of them under way: what is held in memory is bounded by these, not by the file. */
const BATCH_MAX = 1600;
const BATCH_BYTES_MAX = 4_194_304;
const IN_FLIGHT_MAX = 3;

/** Adds tasks to a queue in batches; whoever gives them waits when too many are under way. */
export class Importer {
  readonly #queue: Queue;
  readonly #inFlight = new Set<Promise<void>>();
  #batch: LineTask[] = [];
  #batchBytes = 0;
  #failure: { readonly error: unknown } | undefined;
  /** How many were added, were there before, and may or may not have been added. */
  added = 0;
  existed = 0;
  unknown = 0;

  constructor(queue: Queue) {
    this.#queue = queue;
  }

  get isBatchFull(): boolean {
    return this.#batch.length >= BATCH_MAX || this.#batchBytes >= BATCH_BYTES_MAX;
  }

  /** When the batch is full, `flush` must be called before the next. */
  push(task: LineTask, bytes: number): void {
    this.#batch.push(task);
    this.#batchBytes += bytes;
  }

  /** Sends the batch as soon as there is room. @throws what the sending of an earlier batch threw */
  async flush(): Promise<void> {
    while (this.#inFlight.size >= IN_FLIGHT_MAX) await Promise.race(this.#inFlight);
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#batch.length === 0) return;
    const sent = this.#send(this.#batch).finally(() => this.#inFlight.delete(sent));
    this.#inFlight.add(sent);
    this.#batch = [];
    this.#batchBytes = 0;
  }

  /** Sends the rest and waits for all. @throws what the sending of a batch threw */
  async finish(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await Promise.all(this.#inFlight);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #send(batch: readonly LineTask[]): Promise<void> {
    try {
      for (const { existed } of await this.#queue.addBulk(batch)) {
        if (existed) this.existed++;
        else this.added++;
      }
    } catch (error) {
      this.#failure ??= { error };
      if (!(error instanceof BulkIncompleteError)) return;
      this.added += error.added.length;
      this.unknown += error.unknown.length;
    }
  }
}
