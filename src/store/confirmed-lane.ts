import { Command, type Redis } from "ioredis";
import { NotConfirmedError } from "../core/errors.ts";
import { isSameConfirmation, type Confirmation } from "../core/options.ts";
import { kindOf, NotDoneError, withoutCommand } from "./redis-errors.ts";
import type { ScriptCommand, Try } from "./wire.ts";

/**
 * One connection to one master, for calls that count only when replicas have them.
 *
 * WAIT answers for what was written before on its own connection, and it stalls all that follows on it. So these calls have a
 * connection of their own, and share their WAITs: while a group is under way the next one gathers.
 *
 *   idle --a call--> gathering, until the event loop has had its turn
 *   gathering --connected--> under way: the calls and one WAIT behind them, written at once
 *   under way --the WAIT is answered--> idle, or under way with those that came meanwhile
 *   gathering --the connection closes--> idle: the calls are turned away undone, and the store tries again
 *   under way --the connection closes--> idle: whether they were done is not known, and the store tries again
 *   any --close()--> closed for good, what gathers is turned away undone; in a Cluster so when the connection closes, too
 *
 * What must never be is that a WAIT is answered by another server than the calls before it: it would confirm a task that
 * does not exist there. Calls and WAIT are written in one turn, so both go to one socket or none does, and the client may
 * neither queue nor resend (`LANE_OPTIONS`). A call that is repeated on a new connection finds its remembered answer there;
 * every script writes something then too, else there would be nothing that WAIT waits for (see `lua/lib/calls.lua`).
 *
 * A group is of calls that ask for the same: waiting for the largest number of replicas would keep back those that ask for
 * less.
 */
export interface LaneCall {
  /** @param isFull with the script's text, not only its hash */
  readonly command: (isFull: boolean) => ScriptCommand;
  readonly name: string;
  readonly confirmation: Confirmation;
  /** Until then its asker waits, on the clock of `performance.now()`. */
  readonly deadlineMs: number;
  readonly oneTry: Try;
}

interface Waiting extends LaneCall {
  isFull: boolean;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export interface LaneEvents {
  /** The connection is gone: the master may be another one now. */
  onLost(): void;
  /** @param answered settles soon if the server is well: it answers calls before it waits for replicas */
  onAsked(answered: Promise<unknown>): void;
}

export const LANE_OPTIONS = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  reconnectOnError: null,
  commandTimeout: undefined,
  readOnly: false,
  connectionName: "delayq-confirmed",
} as const;

/** Of calls that wait for a connection those that were given up are dropped when there are so many, and each time twice as many. */
const WAITING_LOOK = 1000;

/** So many calls share a WAIT at most. Of twenty calls under way, groups of five were slower by an eighth than all at once. */
const GROUP_MAX = 1000;

export class ConfirmedLane {
  readonly #client: Redis;
  readonly #socketTimeoutMs: number | undefined;
  readonly #events: LaneEvents;
  #waiting: Waiting[] = [];
  #lookAtCount = WAITING_LOOK;
  #isClosed = false;
  #isUnderWay = false;
  #isScheduled = false;
  #lastError: unknown;

  constructor(client: Redis, events: LaneEvents) {
    this.#client = client;
    this.#socketTimeoutMs = client.options.socketTimeout;
    this.#events = events;
    client.on("error", (error: unknown) => (this.#lastError = withoutCommand(error)));
    client.on("ready", () => {
      this.#lastError = undefined;
      this.#goSoon();
    });
    for (const event of ["close", "end"]) {
      client.on(event, () => {
        this.#turnAway();
        events.onLost();
      });
    }
  }

  /** Answers with the script's reply. @throws NotConfirmedError, NotDoneError, or what ioredis throws */
  send(call: LaneCall): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(new NotDoneError("the connection is closed"));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...call, isFull: false, resolve, reject });
      if (this.#waiting.length >= this.#lookAtCount) this.#forgetGivenUp();
      this.#goSoon();
    });
  }

  /** For good: nobody would know of a connection that is opened later. */
  close(): void {
    this.#isClosed = true;
    this.#turnAway();
    this.#client.disconnect();
  }

  /** How many calls wait to be sent. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** A search for the master may last for hours, and calls come all the time. */
  #forgetGivenUp(): void {
    this.#waiting = this.#waiting.filter(({ oneTry }) => !oneTry.isOver);
    this.#lookAtCount = Math.max(WAITING_LOOK, 2 * this.#waiting.length);
  }

  /** Calls of one turn of the event loop go in one group. */
  #goSoon(): void {
    if (this.#isScheduled || this.#isUnderWay) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      void this.#go(); // its failures reach those who asked
    });
  }

  async #go(): Promise<void> {
    if (this.#isClosed || this.#isUnderWay || this.#waiting.length === 0) return;
    const { status } = this.#client;
    if (status === "wait" || status === "end") this.#events.onAsked(this.#client.connect().catch(() => {})); // see "error"
    if (status !== "ready") return;
    const group = this.#nextGroup();
    if (group.length === 0) return;
    this.#isUnderWay = true;
    try {
      await this.#commit(group);
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
    this.#isUnderWay = false;
    this.#goSoon();
  }

  /** Those that ask for the same as the first one. Who does not want to know any more is not sent: it might undo what came later. */
  #nextGroup(): Waiting[] {
    const group: Waiting[] = [];
    const left: Waiting[] = [];
    for (const call of this.#waiting) {
      if (call.oneTry.isOver) continue;
      if (
        group.length < GROUP_MAX &&
        (group[0] === undefined || isSameConfirmation(group[0].confirmation, call.confirmation))
      ) {
        group.push(call);
      } else {
        left.push(call);
      }
    }
    this.#waiting = left;
    return group;
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    const [answers, acks] = await this.#exchange(group);
    for (const [i, call] of group.entries()) {
      const answer = answers[i];
      if (answer?.status === "fulfilled") acknowledge(call, answer.value, acks);
      else this.#refused(call, answer?.reason);
    }
  }

  /** One turn, one packet: nothing can come between the calls and their WAIT. */
  async #exchange(
    group: readonly Waiting[],
  ): Promise<[PromiseSettledResult<unknown>[], PromiseSettledResult<unknown>]> {
    const client = this.#client;
    const { stream } = client;
    const waitMs = this.#waitMs(group);
    // A server that waits for replicas is silent, and not gone.
    if (this.#socketTimeoutMs !== undefined) client.options.socketTimeout = this.#socketTimeoutMs + waitMs;
    stream.cork();
    process.nextTick(() => stream.uncork());
    // Each in a promise of its own, since one that cannot be written throws at once, and the others are on their way.
    const calls = group.map(async (call) => await client.sendCommand(call.command(call.isFull)));
    const answered = Promise.allSettled(calls);
    const wait = new Command("wait", [String(group[0]?.confirmation.replicas), String(waitMs)]);
    const acks = client.sendCommand(wait) as Promise<unknown>;
    this.#events.onAsked(answered);
    const [settledAcks] = await Promise.allSettled([acks]);
    return [await answered, settledAcks];
  }

  /** Not longer than the last one wants to know. WAIT 0 would be for ever. */
  #waitMs(group: readonly Waiting[]): number {
    const leftMs = Math.max(...group.map(({ deadlineMs }) => deadlineMs)) - performance.now();
    return Math.max(1, Math.ceil(Math.min(group[0]?.confirmation.timeoutMs ?? 1, leftMs)));
  }

  #refused(call: Waiting, error: unknown): void {
    const kind = kindOf(error);
    if (kind === "noscript" && !call.isFull) {
      if (this.#isClosed) call.reject(new NotDoneError("the connection was lost before the script was sent"));
      else this.#waiting.unshift({ ...call, isFull: true });
      return;
    }
    if (kind === "readonly") this.#client.disconnect(true);
    call.reject(error);
  }

  #turnAway(): void {
    const because = this.#lastError instanceof Error ? `: ${this.#lastError.message}` : "";
    for (const { reject } of this.#waiting.splice(0)) {
      reject(new NotDoneError(`the connection was lost before the call was sent${because}`));
    }
  }
}

function acknowledge(call: Waiting, reply: unknown, acks: PromiseSettledResult<unknown>): void {
  const { replicas, timeoutMs } = call.confirmation;
  const confirmed = acks.status === "fulfilled" ? Number(acks.value) : 0;
  if (confirmed >= replicas) {
    call.resolve(reply);
  } else if (acks.status === "rejected" && !isForbidden(acks.reason)) {
    // The connection went, or the server became a replica meanwhile: what it did may be undone, so it is not known.
    call.reject(new Error(`WAIT was not answered: ${String(acks.reason)}`, { cause: acks.reason }));
  } else {
    const cause: unknown = acks.status === "rejected" ? acks.reason : undefined;
    const because = cause instanceof Error ? ` (${cause.message})` : "";
    const message = `Expected ${call.name} to be confirmed by at least ${replicas} of the replicas within ${timeoutMs} ms, got ${confirmed}${because}. It was done, but a failover may lose it; repeating it is safe.`;
    call.reject(new NotConfirmedError(message, [], { cause }));
  }
}

/** Asking again would not help: the user may not use WAIT. */
const isForbidden = (error: unknown): boolean =>
  error instanceof Error && /^(?:NOPERM|ERR unknown command)/.test(error.message);
