import { Loop } from "../runtime/loop.ts";
import type { Connection } from "./connection.ts";
import { readShardCounts, within } from "./queue-store.ts";

/**
 * Finds queues that may not exist yet: schedulers and workers never create one, and serve it soon after its first add. Asks
 * the registry for all that are missing in one call; asks nothing while none is.
 */
const LOOK_MS = 500;
const CALL_MS = 5000;

export interface QueueWatchOptions {
  readonly prefix: string;
  readonly onFound: (queue: string, shards: number) => void;
  readonly onError: (error: unknown) => void;
}

export class QueueWatch {
  readonly #connection: Connection;
  readonly #options: QueueWatchOptions;
  readonly #missing = new Set<string>();
  readonly #loop: Loop;

  constructor(connection: Connection, options: QueueWatchOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#loop = new Loop(async (signal) => await this.runOnce(signal), options.onError);
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  get behindMs(): number {
    return this.#loop.behindMs;
  }

  /** Look out for one more queue; those that are named in one turn of the event loop are asked for in one call. */
  seek(queue: string): void {
    this.#missing.add(queue);
    this.#loop.hint();
  }

  /** Its `onFound` is not called any more. */
  forget(queue: string): void {
    this.#missing.delete(queue);
  }

  /** A queue was obliterated: look out for it again. */
  lost(queue: string): void {
    this.#missing.add(queue);
    this.#loop.hint(LOOK_MS);
  }

  async runOnce(signal?: AbortSignal): Promise<number> {
    if (this.#missing.size > 0) {
      const options = within(CALL_MS, signal);
      const found = await readShardCounts(
        this.#connection,
        this.#options.prefix,
        [...this.#missing],
        options,
      );
      for (const [queue, shards] of found) {
        if (this.#missing.delete(queue)) this.#options.onFound(queue, shards);
      }
    }
    return this.#missing.size > 0 ? LOOK_MS : Number.POSITIVE_INFINITY;
  }
}
