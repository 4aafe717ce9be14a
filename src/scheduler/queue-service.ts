import type { QueueInstruments } from "../runtime/instruments.ts";
import type { Logger } from "../runtime/logger.ts";
import { Loop } from "../runtime/loop.ts";
import type { TaskLog } from "../runtime/task-log.ts";
import type { Connection } from "../store/connection.ts";
import type { ShardKeys } from "../store/keys.ts";
import { within, type QueueStore } from "../store/queue-store.ts";
import { ownerOf } from "./rendezvous.ts";
import { Ticker } from "./ticker.ts";

/** One queue as a scheduler serves it: a ticker for each shard that it is to own, and the care for the copies of meta. */
export interface QueueServiceOptions {
  readonly scheduler: string;
  readonly instruments: QueueInstruments;
  readonly slowPollMs: number;
  readonly logger: Logger;
  readonly taskLog: TaskLog;
  readonly onDue: (shard: number) => void;
  readonly onStale: () => void;
  readonly onGone: () => void;
  readonly onError: (error: unknown) => void;
}

const REPAIR_MS = 30_000;
const CALL_MS = 5000;

export class QueueService {
  readonly #connection: Connection;
  readonly #store: QueueStore;
  readonly #shards: readonly ShardKeys[];
  readonly #options: QueueServiceOptions;
  readonly #tickers = new Map<ShardKeys, Ticker>();
  readonly #generations = new Map<ShardKeys, string>();
  readonly #repairs: Loop;
  readonly #stopping = new Set<Promise<void>>();

  constructor(connection: Connection, store: QueueStore, shardCount: number, options: QueueServiceOptions) {
    this.#connection = connection;
    this.#store = store;
    this.#shards = store.shards(shardCount);
    this.#options = options;
    this.#repairs = new Loop(async (signal) => await this.#repair(signal), options.onError);
  }

  start(): void {
    this.#repairs.start(REPAIR_MS);
  }

  /** Of the loop that is furthest behind. */
  get behindMs(): number {
    const tickers = [...this.#tickers.values()].map(({ behindMs }) => behindMs);
    return Math.max(this.#repairs.behindMs, ...tickers);
  }

  /** Takes the shards that are this scheduler's among the candidates, and leaves the others. */
  rebalance(candidates: readonly string[]): void {
    const { scheduler } = this.#options;
    for (const keys of this.#shards) {
      const isMine = ownerOf(`${this.#store.namespace.queue} ${keys.shard}`, candidates) === scheduler;
      const ticker = this.#tickers.get(keys);
      if (isMine && ticker === undefined) this.#take(keys);
      if (!isMine && ticker !== undefined) this.#leave(keys, ticker);
    }
  }

  async stop(): Promise<void> {
    await this.#repairs.stop();
    for (const [keys, ticker] of this.#tickers) this.#leave(keys, ticker);
    await Promise.all(this.#stopping);
  }

  #take(keys: ShardKeys): void {
    const { scheduler, slowPollMs, logger, taskLog, instruments, onDue, onStale, onError } = this.#options;
    const { queue } = this.#store.namespace;
    const { shard } = keys;
    const ticker = new Ticker(this.#connection, this.#store, keys, {
      scheduler,
      slowPollMs,
      onDue: () => onDue(shard),
      onStale,
      onMissing: async () => await this.#restore(keys),
      onError,
      onTicked: ({ recovered, buried, recoveredIds, buriedIds, generation }) => {
        this.#generations.set(keys, generation);
        if (recovered + buried === 0) return;
        instruments.recovered += recovered;
        instruments.dead += buried;
        logger.warn({ queue, shard, recovered, buried }, "leases expired");
        taskLog.reaped(queue, shard, recoveredIds, buriedIds);
      },
    });
    this.#tickers.set(keys, ticker);
    ticker.start();
  }

  #leave(keys: ShardKeys, ticker: Ticker): void {
    this.#tickers.delete(keys);
    this.#generations.delete(keys);
    const stopped = ticker.stop().finally(() => this.#stopping.delete(stopped));
    this.#stopping.add(stopped);
  }

  /** The shard has no copy of meta: it gets one, unless the queue was obliterated. */
  async #restore(keys: ShardKeys): Promise<void> {
    const meta = await this.#store.readMeta();
    if (meta?.shards === this.#shards.length) await this.#store.copyCtl(keys, meta);
    else this.#options.onGone();
  }

  /** A pause that broke off half-way leaves shards with an older copy of meta: they get the one that is true. */
  async #repair(signal: AbortSignal): Promise<number> {
    if (this.#generations.size > 0) {
      const meta = await this.#store.readMeta(within(CALL_MS, signal));
      for (const [keys, generation] of this.#generations) {
        if (meta !== undefined && generation !== meta.generation)
          await this.#store.copyCtl(keys, meta, within(CALL_MS, signal));
      }
    }
    return REPAIR_MS;
  }
}
