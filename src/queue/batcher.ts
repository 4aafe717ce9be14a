import { DelayqError, NotConfirmedError, UnknownOutcomeError } from "../core/errors.ts";
import type { Confirmation } from "../core/options.ts";
import type { CallOptions } from "../store/connection.ts";
import type { Arg } from "../store/script.ts";
import { BATCH_BYTES_MAX, WRITE_BATCH_MAX } from "../store/queue-store.ts";

/**
 * Merges what is asked for in one turn of the event loop into one script call per shard, and gives each asker its own
 * answer: Node's cost per command is the bottleneck, so few large calls.
 *
 * A batch that is full goes at once, and it is full at half of what a call may hold: so Redis works on one half of a crowd
 * of askers while the other half is being written. What is asked of a shard that has a call under way waits for its answer,
 * and goes with more company; but not for long, since that call may be lost.
 *
 * What replicas are to confirm goes in batches of its own: nobody waits for replicas who did not ask for it.
 */
export interface Item {
  /** The arguments of the item, as its script wants them; the first is the task's id. */
  readonly args: readonly Arg[];
  /** The most that it may take in the call, in bytes. */
  readonly bytes: number;
  /** When its asker wants to know, on the clock of `performance.now()`. */
  readonly deadlineMs: number;
  /** What its asker wants of the replicas. */
  readonly confirmation: Confirmation | undefined;
}

/** Sends one batch; answers in the order of its items. */
export type SendBatch<O, I extends Item> = (
  shard: number,
  args: readonly Arg[],
  items: readonly I[],
  options: CallOptions,
) => Promise<readonly O[]>;

interface Batch<O, I extends Item> {
  readonly items: I[];
  readonly resolves: ((outcome: O) => void)[];
  readonly rejects: ((error: unknown) => void)[];
  bytes: number;
}

/** Calls that may be merged: of one shard, and asking the same of the replicas. */
interface Place<O, I extends Item> {
  readonly shard: number;
  readonly confirmation: Confirmation | undefined;
  /** What has not gone yet. */
  batch: Batch<O, I> | undefined;
  /** Whether it is looked at by the next flush. */
  isOpen: boolean;
  inFlight: number;
  /** Since when no answer has come, while calls are in flight or if the last one was not answered. */
  silentSinceMs: number | undefined;
  /** When it was asked last. */
  askedMs: number;
}

const keyOf = (shard: number, confirmation: Confirmation | undefined): number | string =>
  confirmation === undefined ? shard : `${shard} ${confirmation.replicas} ${confirmation.timeoutMs}`;

const HOLD_MS = 20;
const STALLED_MS = 250;
const PROBE_MS = 1000;
/** More places are there only with very many shards, or where callers ask for ever other confirmations. */
const PLACES_MAX = 4096;
/** A place that was asked in vain so long ago may be forgotten. */
const FORGOTTEN_MS = 60_000;
const WAITING_BYTES_MAX = 1024 * BATCH_BYTES_MAX;

export function overloaded(waitingMax: number): DelayqError {
  return new DelayqError(
    "DELAYQ_OVERLOADED",
    `Expected at most ${waitingMax} calls, or ${WAITING_BYTES_MAX} bytes, to wait for Redis, got more; nothing was changed. Slow down, or raise \`waitingMax\`.`,
  );
}

export class Batcher<O, I extends Item = Item> {
  readonly #send: SendBatch<O, I>;
  readonly #waitingMax: number;
  readonly #batchMax: () => number;
  /**
   * By shard, and by what is asked of the replicas. They stay as long as they are not too many: what comes and goes in a Map is
   * kept alive by the Map's old tables.
   */
  readonly #places = new Map<number | string, Place<O, I>>();
  #forgetAt = PLACES_MAX;
  /** All that have a batch, and those whose batch has gone since the last flush. */
  #open: Place<O, I>[] = [];
  #waiting = 0;
  #waitingBytes = 0;
  #isScheduled = false;
  #isHolding = false;

  /**
   * @param waitingMax how many items may wait for their answers
   * @param callMax how many a call may hold by now, where that is less than others may
   */
  constructor(send: SendBatch<O, I>, waitingMax: number, callMax = () => WRITE_BATCH_MAX) {
    this.#send = send;
    this.#waitingMax = waitingMax;
    this.#batchMax = () => callMax() / 2;
  }

  /** Rejects with what the sending threw, or `DELAYQ_OVERLOADED`. */
  push(shard: number, item: I): Promise<O> {
    if (this.#waiting >= this.#waitingMax || this.#waitingBytes >= WAITING_BYTES_MAX) {
      return Promise.reject(overloaded(this.#waitingMax));
    }
    this.#waiting++;
    this.#waitingBytes += item.bytes;
    return new Promise<O>((resolve, reject) => {
      const place = this.#placeOf(shard, item.confirmation);
      const batch = this.#batchFor(place, item);
      batch.items.push(item);
      batch.resolves.push(resolve);
      batch.rejects.push(reject);
      batch.bytes += item.bytes;
      if (batch.items.length >= this.#batchMax()) this.#dispatch(place, batch);
      else this.#flushSoon();
    });
  }

  /** How many items wait in the batch of a shard that has not gone yet. */
  waitingFor(shard: number, confirmation: Confirmation | undefined): number {
    return this.#places.get(keyOf(shard, confirmation))?.batch?.items.length ?? 0;
  }

  /**
   * Whether nothing has come from a shard for a while, though it was asked: its master may be away, or its replicas. When
   * all that it was asked has been given up, it is not for one batch, which finds out whether that is still so.
   */
  isStalled(shard: number, confirmation: Confirmation | undefined): boolean {
    const place = this.#places.get(keyOf(shard, confirmation));
    const nowMs = performance.now();
    if (place?.silentSinceMs === undefined || nowMs - place.silentSinceMs <= STALLED_MS) return false;
    return place.inFlight > 0 || place.batch !== undefined || nowMs - place.askedMs < PROBE_MS;
  }

  #placeOf(shard: number, confirmation: Confirmation | undefined): Place<O, I> {
    const key = keyOf(shard, confirmation);
    let place = this.#places.get(key);
    if (place === undefined) {
      if (this.#places.size >= this.#forgetAt) this.#forgetIdle();
      place = {
        shard,
        confirmation,
        batch: undefined,
        isOpen: false,
        inFlight: 0,
        silentSinceMs: undefined,
        askedMs: 0,
      };
      this.#places.set(key, place);
    }
    return place;
  }

  /** Next when they have doubled: so that a new place costs little, however many cannot be forgotten. */
  #forgetIdle(): void {
    const longAgoMs = performance.now() - FORGOTTEN_MS;
    for (const [key, { batch, inFlight, silentSinceMs, askedMs }] of this.#places) {
      const isSettled = silentSinceMs === undefined || askedMs < longAgoMs;
      if (batch === undefined && inFlight === 0 && isSettled) this.#places.delete(key);
    }
    this.#forgetAt = Math.max(PLACES_MAX, 2 * this.#places.size);
  }

  #batchFor(place: Place<O, I>, { bytes }: I): Batch<O, I> {
    if (place.batch !== undefined && place.batch.bytes + bytes > BATCH_BYTES_MAX)
      this.#dispatch(place, place.batch);
    if (place.batch === undefined) {
      place.batch = { items: [], resolves: [], rejects: [], bytes: 0 };
      this.#markOpen(place);
    }
    return place.batch;
  }

  #markOpen(place: Place<O, I>): void {
    if (place.isOpen) return;
    place.isOpen = true;
    this.#open.push(place);
  }

  #flushSoon(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#flush(({ inFlight }) => inFlight === 0);
      if (this.#open.length > 0) this.#hold();
    });
  }

  #hold(): void {
    if (this.#isHolding) return;
    this.#isHolding = true;
    setTimeout(() => {
      this.#isHolding = false;
      this.#flush(() => true);
    }, HOLD_MS);
  }

  #flush(mayGo: (place: Place<O, I>) => boolean): void {
    const open = this.#open;
    this.#open = [];
    for (const place of open) {
      place.isOpen = false;
      if (place.batch === undefined) continue;
      if (mayGo(place)) this.#dispatch(place, place.batch);
      else this.#markOpen(place);
    }
  }

  #dispatch(place: Place<O, I>, batch: Batch<O, I>): void {
    place.batch = undefined;
    place.inFlight++;
    place.askedMs = performance.now();
    place.silentSinceMs ??= place.askedMs;
    void this.#deliver(place, batch); // its failures reach those who asked
  }

  #ended(place: Place<O, I>, isAnswered: boolean): void {
    place.inFlight--;
    if (isAnswered) place.silentSinceMs = place.inFlight > 0 ? performance.now() : undefined;
    if (this.#open.length > 0) this.#flushSoon();
  }

  async #deliver(place: Place<O, I>, batch: Batch<O, I>): Promise<void> {
    const { shard, confirmation } = place;
    const { items, resolves, rejects, bytes } = batch;
    let isAnswered = true;
    try {
      const args = items.flatMap((item) => item.args);
      const deadlineMs = Math.min(...items.map((item) => item.deadlineMs));
      const outcomes = await this.#send(shard, args, items, { deadlineMs, confirmation });
      resolves.forEach((resolve, i) => resolve(outcomes[i] as O));
    } catch (error) {
      isAnswered = !isUnanswered(error);
      rejects.forEach((reject, i) => reject(withId(error, items[i])));
    } finally {
      this.#waiting -= items.length;
      this.#waitingBytes -= bytes;
      this.#ended(place, isAnswered);
    }
  }
}

const UNANSWERED = new Set(["DELAYQ_REDIS_UNAVAILABLE", "DELAYQ_UNKNOWN_OUTCOME", "DELAYQ_NOT_CONFIRMED"]);

const isUnanswered = (error: unknown): boolean => error instanceof DelayqError && UNANSWERED.has(error.code);

/** Each asker is told of its own task. */
function withId(error: unknown, item: Item | undefined): unknown {
  if (!(error instanceof DelayqError)) return error;
  const ids = [String(item?.args[0])];
  const options = { cause: error.cause };
  if (error.code === "DELAYQ_UNKNOWN_OUTCOME") return new UnknownOutcomeError(error.message, ids, options);
  if (error.code === "DELAYQ_NOT_CONFIRMED") return new NotConfirmedError(error.message, ids, options);
  return error;
}
