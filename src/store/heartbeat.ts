import type { CallOptions, Connection } from "./connection.ts";
import { Loop } from "../runtime/loop.ts";
import { membersChannel } from "./keys.ts";
import { MemberStore, type Member, type MemberFacts } from "./member-store.ts";
import { within, type GivenTime } from "./queue-store.ts";

/** What the next beat says, and when another one follows. */
export interface Pace {
  readonly facts: MemberFacts;
  readonly everyMs: number;
  /** How long the member counts as alive after a beat; more than `everyMs`, so that one may be late. */
  readonly ttlMs: number;
}

/**
 * Says again and again that a member lives, and hears who else does. One a member, whatever it serves. A change is told to
 * all by publish, so that a clean stop hands over at once; a crash is noticed when the time to live runs out.
 */
export interface HeartbeatOptions {
  readonly prefix: string;
  readonly member: string;
  /** Asked before each beat. A change is told at once by a `hint()`, else with the next beat. */
  readonly pace: () => Pace;
  readonly time: GivenTime;
  /** Whether to hear of changes at once; else with the next beat. */
  readonly isListening: boolean;
  readonly onMembers: (members: readonly Member[]) => void;
  readonly onError: (error: unknown) => void;
}

const FAREWELL_MS = 1000;
const JITTER = 0.1;

export class Heartbeat {
  readonly #connection: Connection;
  readonly #options: HeartbeatOptions;
  readonly #store: MemberStore;
  readonly #loop: Loop;
  readonly #hear = (): void => this.#loop.hint();
  #generation = "0";

  constructor(connection: Connection, options: HeartbeatOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#store = new MemberStore(connection, options.prefix, options.time);
    this.#loop = new Loop(async (signal) => await this.runOnce(signal), options.onError);
  }

  start(): void {
    this.#loop.start();
    const { isListening, prefix } = this.#options;
    if (isListening) this.#connection.subscriber.listen(membersChannel(prefix), this.#hear);
  }

  get behindMs(): number {
    return this.#loop.behindMs;
  }

  /** Beat now: the members may have changed, or the pace has. */
  hint(): void {
    this.#loop.hint();
  }

  async runOnce(signal?: AbortSignal): Promise<number> {
    const { facts, everyMs, ttlMs } = this.#options.pace();
    await this.#beat(facts, ttlMs, within(ttlMs, signal));
    return everyMs * (1 - JITTER * Math.random());
  }

  async stop(): Promise<void> {
    if (this.#options.isListening) {
      this.#connection.subscriber.unlisten(membersChannel(this.#options.prefix), this.#hear);
    }
    await this.#loop.stop();
    const { facts } = this.#options.pace();
    await this.#beat(facts, 0, within(FAREWELL_MS)).catch(this.#options.onError);
  }

  async #beat(facts: MemberFacts, ttlMs: number, options: CallOptions): Promise<void> {
    const { member, onMembers } = this.#options;
    const changed = await this.#store.beat(member, facts, ttlMs, this.#generation, options);
    if (changed === undefined) return;
    this.#generation = changed.generation;
    if (ttlMs > 0) onMembers(changed.members);
  }
}
