import { Loop } from "../runtime/loop.ts";
import type { Logger } from "../runtime/logger.ts";
import type { ShardKeys } from "../store/keys.ts";
import { READ_BATCH_MAX, within, type QueueStore } from "../store/queue-store.ts";
import type { HeldTask } from "./held-task.ts";
import { HeldTasks } from "./held-tasks.ts";

/**
 * Keeps the leases of tasks that run or wait for a slot: renews them with one call a shard when a third of the time has
 * passed, and gives up those that could not be renewed in time.
 *
 * A lease is counted from before its claim or renewal was sent, on the monotonic clock: so this side always believes it to
 * end before Redis does, whatever the network and the wall clocks do. At that moment the handler is told, also when Redis
 * cannot be reached. A process whose event loop was blocked for so long finds out here, too.
 */
export interface LeaseKeeperOptions {
  readonly leaseMs: number;
  readonly logger: Logger;
  readonly onLost: (held: HeldTask) => void;
}

const LOOKS_PER_LEASE = 6;
const RENEW_WHEN_LEFT = 2 / 3;
const BLOCKED_SHARE = 1 / 3;

export class LeaseKeeper {
  readonly #store: QueueStore;
  readonly #options: LeaseKeeperOptions;
  readonly #held = new Map<ShardKeys, HeldTasks>();
  readonly #renewing = new Set<ShardKeys>();
  readonly #loop: Loop;
  #expectedMs = Number.POSITIVE_INFINITY;

  constructor(store: QueueStore, options: LeaseKeeperOptions) {
    this.#store = store;
    this.#options = options;
    const onError = (error: unknown): void => options.logger.error({ err: error }, "keeping leases failed");
    this.#loop = new Loop(async () => await this.runOnce(), onError);
  }

  start(): void {
    this.#loop.start(this.#options.leaseMs / LOOKS_PER_LEASE);
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  get behindMs(): number {
    return this.#loop.behindMs;
  }

  /** Its shard never changes, so it is in one of the lists. */
  add(held: HeldTask): void {
    let ofShard = this.#held.get(held.keys);
    if (ofShard === undefined) this.#held.set(held.keys, (ofShard = new HeldTasks("leaseSeat")));
    ofShard.add(held);
  }

  remove(held: HeldTask): void {
    this.#held.get(held.keys)?.delete(held);
  }

  /** Looks through all leases once; renewals go on in the background. */
  async runOnce(): Promise<number> {
    const { leaseMs } = this.#options;
    this.#noticeBlocking();
    for (const [keys, ofShard] of this.#held) {
      const nowMs = performance.now();
      for (const one of ofShard.all()) if (one.deadlineMs <= nowMs) this.#lose(one);
      const held = ofShard.all().toSorted((a, b) => a.deadlineMs - b.deadlineMs); // the most urgent are renewed first
      const [first] = held;
      const isDue = first !== undefined && first.deadlineMs - nowMs <= leaseMs * RENEW_WHEN_LEFT;
      if (isDue && !this.#renewing.has(keys)) void this.#renew(keys, held); // its failures end in the look above
    }
    this.#expectedMs = performance.now() + leaseMs / LOOKS_PER_LEASE;
    return await Promise.resolve(leaseMs / LOOKS_PER_LEASE);
  }

  async #renew(keys: ShardKeys, held: readonly HeldTask[]): Promise<void> {
    const { leaseMs, logger } = this.#options;
    this.#renewing.add(keys);
    try {
      for (let at = 0; at < held.length; at += READ_BATCH_MAX) {
        const batch = held.slice(at, at + READ_BATCH_MAX);
        const items = batch.flatMap(({ task, fence }) => [task.id, fence]);
        const sentMs = performance.now();
        const lost = new Set(await this.#store.extend(keys, leaseMs, items, within(leaseMs / 2)));
        batch.forEach((one, i) => {
          if (!lost.has(i)) one.deadlineMs = sentMs + leaseMs;
          else if (this.#held.get(keys)?.has(one) === true) this.#lose(one);
        });
      }
    } catch (error) {
      logger.debug({ err: error, shard: keys.shard }, "leases could not be renewed; trying again");
    } finally {
      this.#renewing.delete(keys);
    }
  }

  #lose(held: HeldTask): void {
    this.remove(held);
    this.#options.onLost(held);
  }

  #noticeBlocking(): void {
    const blockedMs = performance.now() - this.#expectedMs;
    if (blockedMs < this.#options.leaseMs * BLOCKED_SHARE) return;
    this.#options.logger.warn(
      { blockedMs: Math.round(blockedMs), leaseMs: this.#options.leaseMs },
      "the event loop was blocked, or the process frozen; leases may be lost. Give long computations to a worker thread, or raise leaseMs",
    );
  }
}
