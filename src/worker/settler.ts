import type { Verdict } from "../core/verdict.ts";
import type { ShardKeys } from "../store/keys.ts";
import { BATCH_BYTES_MAX, WRITE_BATCH_MAX, within, type QueueStore } from "../store/queue-store.ts";
import type { Arg } from "../store/script.ts";
import type { HeldTask } from "./held-task.ts";

/**
 * Settles leases in batches: one call a shard in flight, and what is decided meanwhile goes with the next. So a busy worker
 * makes few large calls, and an idle one settles at once.
 *
 * A settle is repeated for a minute, as long as Redis remembers calls; after that the leases have expired anyway.
 */
export interface Settled {
  readonly held: HeldTask;
  readonly verdict: Verdict;
  readonly result: unknown;
}

export interface SettlerOptions {
  readonly onSettled: (settled: Settled) => void;
  /** The lease was not ours any more: what was decided did not count. */
  readonly onRefused: (settled: Settled) => void;
  readonly onFailed: (settled: readonly Settled[], error: unknown) => void;
}

const SETTLE_MS = 50_000;

/** They stay as long as the worker: what comes and goes in a Map is kept alive by the Map's old tables. */
interface ShardSettles {
  readonly keys: ShardKeys;
  readonly waiting: Settled[];
  inFlight: Promise<void> | undefined;
}

export class Settler {
  readonly #store: QueueStore;
  readonly #options: SettlerOptions;
  readonly #shards = new Map<ShardKeys, ShardSettles>();
  #count = 0;

  constructor(store: QueueStore, options: SettlerOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** How many are decided and not confirmed. */
  get count(): number {
    return this.#count;
  }

  push(settled: Settled): void {
    this.#count++;
    this.#of(settled.held.keys).waiting.push(settled);
  }

  /** Resolves when all is confirmed, refused or given up. */
  async drain(): Promise<void> {
    this.flush();
    while ([...this.#shards.values()].some(({ inFlight }) => inFlight !== undefined)) {
      await Promise.all([...this.#shards.values()].map(async ({ inFlight }) => await inFlight));
    }
  }

  /** Sends what waits, but for shards that have a call in flight. */
  flush(): void {
    for (const shard of this.#shards.values()) this.#send(shard);
  }

  #of(keys: ShardKeys): ShardSettles {
    let shard = this.#shards.get(keys);
    if (shard === undefined) this.#shards.set(keys, (shard = { keys, waiting: [], inFlight: undefined }));
    return shard;
  }

  #send(shard: ShardSettles): void {
    if (shard.waiting.length === 0 || shard.inFlight !== undefined) return;
    const batch = take(shard.waiting);
    shard.inFlight = this.#settle(shard.keys, batch).finally(() => {
      this.#count -= batch.length;
      shard.inFlight = undefined;
      this.#send(shard);
    });
  }

  async #settle(keys: ShardKeys, batch: Settled[]): Promise<void> {
    const acks = batch.filter(isAck);
    const others = batch.filter((settled) => !isAck(settled));
    const ordered = [...acks, ...others];
    const held = acks.map((settled) => settled.held);
    const items = others.flatMap(itemOf);
    try {
      const refused = await this.#store.settle(
        keys,
        held,
        items,
        this.#store.nextCallId(),
        within(SETTLE_MS),
      );
      const late = new Set(refused);
      ordered.forEach((settled, i) =>
        late.has(i) ? this.#options.onRefused(settled) : this.#options.onSettled(settled),
      );
    } catch (error) {
      this.#options.onFailed(ordered, error);
    }
  }
}

const isAck = ({ verdict }: Settled): boolean => verdict.kind === "ack";

function textOf(verdict: Verdict): string {
  switch (verdict.kind) {
    case "keep":
      return verdict.text;
    case "retry":
    case "bury":
      return JSON.stringify(verdict.error);
    case "ack":
    case "release":
    case "postpone":
    case "expire":
      return "";
  }
}

/** What a settle calls it. */
function outcomeOf(verdict: Verdict): string {
  const isTimedOut = "isTimedOut" in verdict && verdict.isTimedOut;
  return isTimedOut ? `${verdict.kind} timedOut` : verdict.kind;
}

function itemOf({ held, verdict }: Settled): Arg[] {
  return [outcomeOf(verdict), held.id, held.fence, "ms" in verdict ? verdict.ms : 0, textOf(verdict)];
}

/** Takes a batch off the front: as many as one call may hold. */
function take(waiting: Settled[]): Settled[] {
  let bytes = 0;
  let count = 0;
  for (const { verdict } of waiting) {
    bytes += verdict.kind === "keep" ? verdict.text.length * 3 : 0;
    if (count === WRITE_BATCH_MAX || (count > 0 && bytes > BATCH_BYTES_MAX)) break;
    count++;
  }
  return waiting.splice(0, count);
}
