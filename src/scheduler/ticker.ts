import { Loop } from "../runtime/loop.ts";
import { SlowPoll } from "../runtime/slow-poll.ts";
import type { Connection } from "../store/connection.ts";
import { headChannel, type ShardKeys } from "../store/keys.ts";
import { within, type QueueStore } from "../store/queue-store.ts";

/**
 * Serves one shard: sleeps until its next due time or lease deadline, ticks, sleeps again.
 *
 * States: taking -> ticking -> stopped; an epoch that is refused (another scheduler took the shard, or this process was
 * frozen) leads back to taking, after a pause in which the members are looked at again: mostly the shard is not ours then.
 * A tick that woke workers looks again soon, in case one died with the message; unless it hears that all was claimed since.
 *
 * Redis blocks nobody here: a block time-out is served by its `hz` tick, up to 100 ms late; a local timer is not.
 */
export interface TickerOptions {
  readonly scheduler: string;
  readonly slowPollMs: number;
  /** The epoch was refused. */
  readonly onStale: () => void;
  /** The shard is not there. */
  readonly onMissing: () => Promise<void>;
  readonly onTicked: (ticked: { recovered: number; buried: number; generation: string }) => void;
  readonly onError: (error: unknown) => void;
}

const CALL_MS = 5000;
const RETAKE_MS = 500;
const GONE_MS = 1000;
const LEAVE_MS = 1000;
const NEVER = -1;
const LOOK_AGAIN_MS = 250;

export class Ticker {
  readonly #connection: Connection;
  readonly #store: QueueStore;
  readonly #keys: ShardKeys;
  readonly #options: TickerOptions;
  readonly #slowPoll: SlowPoll;
  readonly #loop: Loop;
  readonly #hear = (message: string): void => this.#heard(message);
  /** The last claim that left nothing behind, on the Redis clock. */
  #claimedUs = 0;
  /** While a look again is due: when the tick was that wants it, and when to tick otherwise. */
  #again: { readonly tickedUs: number; nextAtMs: number } | undefined;
  #epoch: string | undefined;
  #seenEpoch = "0";

  constructor(connection: Connection, store: QueueStore, keys: ShardKeys, options: TickerOptions) {
    this.#connection = connection;
    this.#store = store;
    this.#keys = keys;
    this.#options = options;
    this.#slowPoll = new SlowPoll(options.slowPollMs);
    this.#loop = new Loop(async (signal) => await this.runOnce(signal), options.onError);
  }

  start(): void {
    this.#loop.start();
    this.#connection.subscriber.listen(headChannel(this.#keys), this.#hear);
  }

  /** Ticks once; returns after how many ms to tick again. */
  async runOnce(signal?: AbortSignal): Promise<number> {
    if (this.#epoch === undefined && !(await this.#take(signal))) return GONE_MS;
    const reply = await this.#store.tick(this.#keys, this.#epoch ?? "0", within(CALL_MS, signal));
    switch (reply.word) {
      case "TICKED":
        this.#options.onTicked(reply);
        return this.#nextMs(reply);
      case "STALE":
        this.#epoch = undefined;
        this.#seenEpoch = reply.epoch;
        this.#options.onStale();
        return RETAKE_MS;
      case "NO_QUEUE":
        this.#epoch = undefined;
        await this.#options.onMissing();
        return GONE_MS;
    }
  }

  async stop(): Promise<void> {
    this.#connection.subscriber.unlisten(headChannel(this.#keys), this.#hear);
    await this.#loop.stop();
    if (this.#epoch === undefined) return;
    await this.#store
      .leaveShard(this.#keys, this.#options.scheduler, within(LEAVE_MS))
      .catch(this.#options.onError);
  }

  /** Returns false if the shard is not there. */
  async #take(signal: AbortSignal | undefined): Promise<boolean> {
    for (;;) {
      const options = within(CALL_MS, signal);
      const reply = await this.#store.takeShard(
        this.#keys,
        this.#options.scheduler,
        this.#seenEpoch,
        options,
      );
      switch (reply.word) {
        case "TAKEN":
          this.#epoch = reply.epoch;
          return true;
        case "HELD":
          this.#seenEpoch = reply.epoch;
          break;
        case "NO_QUEUE":
          await this.#options.onMissing();
          return false;
      }
    }
  }

  #nextMs({ nextWakeMs, woken, nowUs }: { nextWakeMs: number; woken: number; nowUs: number }): number {
    const pollMs = this.#slowPoll.nextMs(this.#connection.subscriber.canHear(headChannel(this.#keys)));
    const nextMs = nextWakeMs === NEVER ? pollMs : Math.min(nextWakeMs, pollMs);
    const isAgain = woken > 0 && this.#claimedUs <= nowUs && nextMs > LOOK_AGAIN_MS;
    this.#again = isAgain ? { tickedUs: nowUs, nextAtMs: performance.now() + nextMs } : undefined;
    return isAgain ? LOOK_AGAIN_MS : nextMs;
  }

  /** @param message in how many ms to tick; with the fence of the claim that tells it, if that left nothing behind */
  #heard(message: string): void {
    const [delayMs = 0, claimedUs = 0] = message.split(" ").map(Number);
    const nowMs = performance.now();
    this.#claimedUs = Math.max(this.#claimedUs, claimedUs);
    if (this.#again !== undefined) {
      this.#again.nextAtMs = Math.min(this.#again.nextAtMs, nowMs + delayMs);
      if (this.#claimedUs > this.#again.tickedUs) {
        this.#loop.postpone(this.#again.nextAtMs - nowMs);
        this.#again = undefined;
      }
    }
    this.#loop.hint(delayMs);
  }
}
