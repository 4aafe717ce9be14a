import { REPEAT_MAX_MS, SLOW_POLL_MAX_MS } from "../core/options.ts";
import { Loop } from "../runtime/loop.ts";
import { SlowPoll } from "../runtime/slow-poll.ts";
import { Turns } from "../runtime/turns.ts";
import type { Connection } from "../store/connection.ts";
import { wakeChannel, type ShardKeys } from "../store/keys.ts";
import { CLAIM_BATCH_MAX, within, type QueueStore } from "../store/queue-store.ts";
import { Reservations, type Reservation } from "./reservations.ts";

/**
 * Claims as many tasks as there are free slots, from one shard after the other, so that none starves.
 *
 * Where handlers are quick it claims ahead, for slots that will be free by the time of the answer: as many as became free
 * while the last claims were under way, and no more than there are slots. Slow handlers free none meanwhile, so nothing is
 * hoarded.
 *
 * A shard is either worth a claim (`isHot`: a hint came, tasks were left behind, or the slow poll says so) or waits: its
 * last claim found fewer tasks than it had slots for, and Redis has noted this worker to be woken. Slots are reserved while
 * a claim is under way, and one claim a shard is in flight: that is what makes it safe to send twice. A worker that is
 * woken while it has no free slot passes the hint on with a claim of nothing. A scheduler in the same process tells it sooner
 * than Redis what is due (`claimDue`).
 *
 * In a Cluster one master may be away while the others go on. A claim that it does not answer keeps its slots for a moment
 * only; then other shards get them, and the claim waits without. When it is answered after all, what there is room for
 * is run, and the rest goes back as it was, with no attempt used. Until a shard answers in time again it is asked for few; and so
 * are all others of its master, until that answers any claim in time: one after the other they would keep all slots for a
 * moment each, for some seconds if there are many.
 *
 * Whatever is answered first takes the slots that no task has, also those that younger claims keep: a worker that is
 * answered at all always has work, and gives back only what more than fills it.
 */
export interface Claimed {
  readonly id: string;
  readonly record: Buffer;
  readonly more: string;
}

export interface Batch {
  readonly keys: ShardKeys;
  readonly fence: string;
  readonly nowMs: number;
  /** When the claim was first sent, on the clock of `performance.now()`: the leases count from here. */
  readonly sentMs: number;
  /** When the try was sent that took them, or one before it: how late they are counts from here. */
  readonly triedMs: number;
  readonly claimed: readonly Claimed[];
  /** How many of them, the first, have a slot or were claimed ahead; there is no place for the others. */
  readonly room: number;
}

export interface ClaimerOptions {
  readonly worker: string;
  readonly leaseMs: number;
  readonly slowPollMs: number;
  readonly concurrency: number;
  readonly mayClaim: () => boolean;
  /** How many slots have no task; less than none while tasks wait that were claimed ahead. */
  readonly slots: () => number;
  /** How many slots have become free since the beginning. */
  readonly freed: () => number;
  readonly onBatch: (batch: Batch) => void;
  /** The shard is not there: the queue may be gone. */
  readonly onGone: () => void;
  readonly onError: (error: unknown) => void;
}

interface ShardClaims {
  readonly keys: ShardKeys;
  readonly slowPoll: SlowPoll;
  readonly loop: Loop;
  readonly hear: () => void;
  isHot: boolean;
  /** How many times a task was due in it since its last claim, as far as the scheduler of this process tells. */
  passed: number;
  /** The claim that is under way. */
  inFlight: Promise<void> | undefined;
  /** Its last claim was not answered in time. */
  isDoubted: boolean;
  failedMs: number;
}

const FAILED_MS = 200;
const FAILED_MAX_MS = 5000;
const GONE_MS = 1000;
const UNSERVED_MS = 1000;
const CLAIM_SHARE_MIN = 0.25;
const POLLING_WORKERS = 4;
/** How long a claim to one node of a Cluster keeps slots from the others. */
const RESERVED_MS = 500;
const DOUBTED_SHARE = 0.1;
const FREED_WEIGHT = 0.2;
/** Two claims under way, so that one batch is worked while Redis hands out the other. */
const CLAIM_SHARE_MAX = 0.5;

/** How many times more rarely than a lone worker each of many looks after an idle shard. */
const pollShareOf = (workers: number): number => Math.max(1, workers / POLLING_WORKERS);

/** Numbers the claims of this process, whichever worker and shard they are for: so no number ever comes again. */
let claims = 0;

export class Claimer {
  readonly #connection: Connection;
  readonly #store: QueueStore;
  readonly #options: ClaimerOptions;
  readonly #shards: readonly ShardClaims[];
  readonly #stopping = new AbortController();
  readonly #turns = new Turns();
  readonly #reservations: Reservations;
  /** The nodes of a Cluster that did not answer a claim in time, and none since. */
  readonly #silent = new Set<string>();
  /** How many slots become free while a claim is under way, by the last claims. */
  #freedMean = 0;
  #isServed = true;
  #workers = 1;
  #isStopped = false;
  #next = 0;

  constructor(connection: Connection, store: QueueStore, shardCount: number, options: ClaimerOptions) {
    this.#connection = connection;
    this.#store = store;
    this.#options = options;
    this.#reservations = new Reservations(connection.isCluster ? RESERVED_MS : Number.POSITIVE_INFINITY);
    this.#shards = store.shards(shardCount).map((keys) => this.#claimsOf(keys));
  }

  start(): void {
    const { worker } = this.#options;
    for (const shard of this.#shards) {
      this.#connection.subscriber.listen(wakeChannel(shard.keys, worker), shard.hear);
      shard.loop.start();
    }
  }

  get shardCount(): number {
    return this.#shards.length;
  }

  /** Of the shard whose loop is furthest behind. */
  get behindMs(): number {
    return this.#shards.reduce((most, { loop }) => Math.max(most, loop.behindMs), 0);
  }

  /**
   * With no scheduler alive nobody wakes this worker, and it looks by itself every second. Where many workers look after a
   * shard each does it more rarely: the look of any one is enough.
   */
  noticeMembers(isServed: boolean, workers: number): void {
    const { slowPollMs } = this.#options;
    for (const { loop } of this.#shards) {
      if (pollShareOf(workers) < pollShareOf(this.#workers)) loop.hint(slowPollMs * Math.random());
      if (this.#isServed && !isServed) loop.hint(UNSERVED_MS * Math.random());
    }
    this.#workers = workers;
    this.#isServed = isServed;
  }

  /** Claims for the slots that are free. */
  pump(): void {
    for (let tried = 0; tried < this.#shards.length && this.#isWorthwhile(); tried++) {
      const shard = this.#shards[this.#next % this.#shards.length];
      this.#next++;
      if (shard?.isHot === true && shard.inFlight === undefined)
        this.#claim(shard, Math.min(this.#free(), this.#countMaxOf(shard)));
    }
  }

  /**
   * A task is due in a shard. The shard is worth a claim then, at once, or when the one that is under way has been answered:
   * unless another worker of the process claims already, or it is not this one's turn. Of n workers each has its turn when it
   * has let n - 1 tasks go by, or the one beside the scheduler would have all. Returns whether it claims now.
   */
  claimDue(number: number, isClaimed: boolean): boolean {
    const shard = this.#shards[number];
    if (shard === undefined || ++shard.passed < this.#workers || isClaimed) return false;
    const isIdle = shard.inFlight === undefined;
    shard.isHot = true;
    this.pump();
    return isIdle && shard.inFlight !== undefined;
  }

  #isInDoubt({ isDoubted, keys }: ShardClaims): boolean {
    return isDoubted || (this.#silent.size > 0 && this.#silent.has(this.#nodeOf(keys)));
  }

  #nodeOf({ ctl }: ShardKeys): string {
    return this.#connection.nodeOf(ctl);
  }

  #countMaxOf(shard: ShardClaims): number {
    const most = Math.min(CLAIM_BATCH_MAX, Math.ceil(this.#places * CLAIM_SHARE_MAX));
    return this.#isInDoubt(shard) ? Math.ceil(most * DOUBTED_SHARE) : most;
  }

  /** A claim for few slots waits while another is under way: meanwhile more become free, and few large calls cost less. */
  #isWorthwhile(): boolean {
    const free = this.#free();
    return free > 0 && (this.#reservations.keeping === 0 || free >= this.#places * CLAIM_SHARE_MIN);
  }

  /** What it claimed ahead has waited for too long: handlers have become slow. */
  slowDown(): void {
    this.#freedMean = 0;
  }

  /**
   * Claims nothing more. Resolves when the claims that are under way have been answered (their batches are still given out),
   * or after `answerMs`; then the worker's traces in the shards are gone.
   */
  async stop(answerMs: number): Promise<void> {
    this.#isStopped = true;
    for (const shard of this.#shards) {
      this.#connection.subscriber.unlisten(wakeChannel(shard.keys, this.#options.worker), shard.hear);
      await shard.loop.stop();
    }
    const giveUp = setTimeout(() => this.#stopping.abort(), answerMs);
    await Promise.all(this.#shards.map(async ({ inFlight }) => await inFlight));
    clearTimeout(giveUp);
  }

  /** Tells the shards to forget this worker: it waits no more. */
  async leave(deadlineMs: number): Promise<void> {
    const { worker, onError } = this.#options;
    await Promise.all(
      this.#shards.map(({ keys }) => this.#store.leaveShard(keys, worker, { deadlineMs }).catch(onError)),
    );
  }

  get #ahead(): number {
    return Math.round(this.#freedMean);
  }

  /** How many tasks this worker may hold or wait for. */
  get #places(): number {
    return this.#options.concurrency + this.#ahead;
  }

  #free(): number {
    const { mayClaim, slots } = this.#options;
    return mayClaim() ? slots() + this.#ahead - this.#reservations.slots : 0;
  }

  #learn(freed: number): void {
    this.#freedMean += (Math.min(freed, this.#options.concurrency) - this.#freedMean) * FREED_WEIGHT;
  }

  #claimsOf(keys: ShardKeys): ShardClaims {
    const shard: ShardClaims = {
      keys,
      slowPoll: new SlowPoll(this.#options.slowPollMs),
      loop: new Loop(async () => await Promise.resolve(this.#poll(shard)), this.#options.onError),
      hear: () => (this.#canHear(shard) ? this.#wake(shard) : shard.loop.hint()), // from now on it polls quickly
      isHot: true,
      passed: 0,
      inFlight: undefined,
      isDoubted: false,
      failedMs: FAILED_MS,
    };
    return shard;
  }

  #canHear({ keys }: ShardClaims): boolean {
    return this.#connection.subscriber.canHear(wakeChannel(keys, this.#options.worker));
  }

  #poll(shard: ShardClaims): number {
    const canHear = this.#canHear(shard);
    shard.isHot = true;
    this.pump();
    const pollMs = shard.slowPoll.nextMs(canHear && this.#isServed);
    return canHear && this.#isServed
      ? Math.min(pollMs * pollShareOf(this.#workers), SLOW_POLL_MAX_MS)
      : pollMs;
  }

  #wake(shard: ShardClaims): void {
    shard.isHot = true;
    this.pump();
    // Without a slot for it the hint goes on to another worker.
    if (shard.isHot && shard.inFlight === undefined) this.#claim(shard, 0);
  }

  #claim(shard: ShardClaims, count: number): void {
    if (this.#isStopped) return;
    shard.isHot = false;
    shard.passed = 0;
    const isInDoubt = this.#isInDoubt(shard);
    const node = this.#nodeOf(shard.keys);
    const slots = this.#reservations.keep(count, isInDoubt, () => {
      if (!isInDoubt) this.#silent.add(node);
      this.pump();
    });
    shard.inFlight = this.#send(shard, count, slots, node).finally(() => {
      slots.end();
      shard.inFlight = undefined;
      this.pump();
    });
  }

  async #send(shard: ShardClaims, count: number, slots: Reservation, node: string): Promise<void> {
    const { worker, leaseMs, slots: freeSlots, freed, onBatch, onGone, onError } = this.#options;
    const { keys } = shard;
    const number = ++claims;
    const ahead = this.#ahead;
    const freedBefore = freed();
    const tries: number[] = [];
    try {
      const request = { worker, number, leaseMs, count };
      // As late as may be: a claim that is given up may still be executed, and lease its batch to nobody.
      const onSend = (): void => void tries.push(performance.now());
      const options = { ...within(REPEAT_MAX_MS, this.#stopping.signal), onSend };
      const reply = await this.#store.claim(keys, request, options);
      shard.isDoubted = !slots.answered();
      if (!shard.isDoubted) {
        this.#silent.delete(node);
        this.#learn(freed() - freedBefore);
      }
      if (reply.word === "CLAIMED") await this.#turns.next();
      slots.end();
      shard.failedMs = FAILED_MS;
      if (reply.word === "CLAIMED") {
        // With slots left and nothing left behind, Redis has noted this worker as waiting.
        shard.isHot ||= reply.isMore || reply.claimed.length === count;
        if (reply.claimed.length > 0) {
          const { fence, nowMs, claimed } = reply;
          const room = Math.max(0, Math.min(claimed.length, freeSlots() + ahead));
          const [sentMs = 0] = tries;
          // A batch that an earlier try took is answered as if more were left.
          const triedMs = reply.isMore ? sentMs : (tries.at(-1) ?? sentMs);
          onBatch({ keys, fence, nowMs, sentMs, triedMs, claimed, room });
        }
      } else if (reply.word === "NO_QUEUE") {
        onGone();
        shard.loop.hint(GONE_MS);
      } else {
        shard.isHot ||= count === 0 || reply.word === "STALE";
      }
    } catch (error) {
      if (!this.#stopping.signal.aborted) onError(error);
      shard.isDoubted = true;
      shard.loop.hint(shard.failedMs);
      shard.failedMs = Math.min(shard.failedMs * 2, FAILED_MAX_MS);
    }
  }
}
