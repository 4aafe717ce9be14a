import { Loop } from "../runtime/loop.ts";
import { SlowPoll } from "../runtime/slow-poll.ts";
import type { Connection } from "../store/connection.ts";
import { headChannel, type ShardKeys } from "../store/keys.ts";
import { within, type QueueStore } from "../store/queue-store.ts";

/** When to tick again, and what that is for; as `tick` answers. */
interface Plan {
  readonly nextDueMs: number;
  readonly nextWakeMs: number;
  readonly woken: number;
  readonly fence: number;
}

export interface Ticked {
  readonly recovered: number;
  readonly buried: number;
  readonly recoveredIds: readonly string[];
  readonly buriedIds: readonly string[];
  readonly generation: string;
}

/**
 * Serves one shard: sleeps until its next due time or lease deadline, ticks, sleeps again.
 *
 * States: taking -> ticking -> stopped; an epoch that is refused (another scheduler took the shard, or this process was
 * frozen) leads back to taking, after a pause in which the members are looked at again: mostly the shard is not ours then.
 * Whoever wakes workers, a tick or an `add`, has the shard looked at again soon, in case a worker died with the message;
 * unless it is heard that all was claimed since. Messages overtake the replies of ticks, so claims are told apart by fence.
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
  /** A task is due, and the next call hands it out: whoever can take it without being told may do so first. */
  readonly onDue: () => void;
  readonly onTicked: (ticked: Ticked) => void;
  readonly onError: (error: unknown) => void;
}

const CALL_MS = 5000;
const RETAKE_MS = 500;
const GONE_MS = 1000;
const LEAVE_MS = 1000;
const NEVER = -1;
const LOOK_AGAIN = "again";
const LOOK_AGAIN_MS = 250;
/** A tick tidies if none has for so long: all but those of a busy shard. */
const TIDY_MS = 100;
/** Behind a tick that did not tidy comes another by then, so that what the last one of a busy time left is seen to. */
const TIDY_MAX_MS = 10_000;
/** Redis says in how many whole ms something is due, rounded up. */
const ROUNDED_MS = 1;

export class Ticker {
  readonly #connection: Connection;
  readonly #store: QueueStore;
  readonly #keys: ShardKeys;
  readonly #options: TickerOptions;
  readonly #slowPoll: SlowPoll;
  readonly #loop: Loop;
  readonly #hear = (message: string): void => this.#heard(message);
  /** The fence of the last claim that is known to have left nothing behind. */
  #claimed = 0;
  /** When a task is due, by what the last tick said and by what was heard since it was sent; on the local clock. */
  #dueAtMs = Number.POSITIVE_INFINITY;
  /** When to tick though no task is due yet: a lease ends, a result is to be forgotten, or the slow poll says so. */
  #lookAtMs = Number.POSITIVE_INFINITY;
  /** Whether the last look ended well: else the next one comes when the loop says, whatever is heard. */
  #isPlanned = false;
  /** From when on a tick tidies. */
  #tidyFromMs = 0;
  /** When to look again, unless a claim with a higher fence than `since` leaves nothing behind. */
  #again: { readonly since: number; readonly atMs: number } | undefined;
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

  get behindMs(): number {
    return this.#loop.behindMs;
  }

  /** Ticks once; returns after how many ms to tick again. */
  async runOnce(signal?: AbortSignal): Promise<number> {
    const isDue = performance.now() >= this.#dueAtMs - ROUNDED_MS;
    this.#isPlanned = false;
    this.#dueAtMs = Number.POSITIVE_INFINITY;
    this.#lookAtMs = Number.POSITIVE_INFINITY;
    this.#again = undefined;
    if (this.#epoch === undefined && !(await this.#take(signal))) return GONE_MS;
    if (isDue) this.#options.onDue();
    const tidies = performance.now() >= this.#tidyFromMs;
    const options = within(CALL_MS, signal);
    const reply = await this.#store.tick(this.#keys, this.#epoch ?? "0", tidies, options);
    switch (reply.word) {
      case "TICKED":
        this.#options.onTicked(reply);
        this.#plan(reply, tidies);
        return this.#untilNextMs();
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

  #plan({ nextDueMs, nextWakeMs, woken, fence }: Plan, tidied: boolean): void {
    // Whoever has to come back at once may have more to tidy.
    if (tidied && nextWakeMs !== 0) this.#tidyFromMs = performance.now() + TIDY_MS;
    const pollMs = this.#slowPoll.nextMs(this.#connection.subscriber.canHear(headChannel(this.#keys)));
    const nowMs = performance.now();
    if (nextDueMs !== NEVER) this.#dueAtMs = Math.min(this.#dueAtMs, nowMs + nextDueMs);
    this.#lookAtMs = Math.min(
      this.#lookAtMs,
      nowMs + (nextWakeMs === NEVER ? pollMs : Math.min(nextWakeMs, pollMs)),
    );
    if (!tidied) this.#lookAtMs = Math.min(this.#lookAtMs, this.#tidyFromMs + TIDY_MAX_MS);
    if (woken > 0 && this.#claimed <= fence) this.#lookAgain(fence);
    this.#isPlanned = true;
  }

  #lookAgain(since: number): void {
    this.#again ??= { since, atMs: performance.now() + LOOK_AGAIN_MS };
  }

  #untilNextMs(): number {
    const againAtMs = this.#again?.atMs ?? Number.POSITIVE_INFINITY;
    return Math.min(this.#dueAtMs, this.#lookAtMs, againAtMs) - performance.now();
  }

  /**
   * @param message `again`, from whoever woke workers; or in how many ms the new head is due; or in how many the new first lease
   *   ends, with the fence of its claim, 0 if that left something behind
   */
  #heard(message: string): void {
    if (message === LOOK_AGAIN) {
      this.#lookAgain(this.#claimed);
    } else {
      const [delayMs = 0, fence] = message.split(" ").map(Number);
      const atMs = performance.now() + delayMs;
      if (fence === undefined) this.#dueAtMs = Math.min(this.#dueAtMs, atMs);
      else this.#lookAtMs = Math.min(this.#lookAtMs, atMs);
      this.#claimed = Math.max(this.#claimed, fence ?? 0);
      if (this.#again !== undefined && this.#claimed > this.#again.since) this.#again = undefined;
    }
    if (this.#isPlanned) this.#loop.wakeIn(this.#untilNextMs());
  }
}
