import { INSIDE, type HasInside, type LoopLook } from "../runtime/inside.ts";
import type { BlockedTimes } from "./blocked-times.ts";

/**
 * Whether a process is well, in two questions. `live`: does it still turn, or would a restart help? What Redis does is no part of
 * that: processes go on by themselves when it is back. `ready`: can it do its work now?
 *
 * A process whose event loop is blocked answers neither, and whoever asks runs out of time; afterwards both tell for how long
 * it was blocked.
 */
export interface Check {
  readonly ok: boolean;
  /** Of what is not ok. */
  readonly reason?: string;
  readonly [fact: string]: unknown;
}

export interface HealthReport {
  readonly ok: boolean;
  readonly checks: Readonly<Record<string, Check>>;
}

export interface HealthLimits {
  /** How far a loop may be behind; a look of it may wait for a call of 15 s. */
  readonly loopBehindMs: number;
  /** For how long no call may have been answered; the slowest heartbeat comes every 5 s. */
  readonly redisSilentMs: number;
}

const LIMITS: HealthLimits = { loopBehindMs: 30_000, redisSilentMs: 12_000 };

export class Health {
  readonly #blocked: BlockedTimes;
  readonly #limits: HealthLimits;
  readonly #roles: HasInside[] = [];
  #state: "starting" | "serving" | "stopping" = "starting";

  constructor(blocked: BlockedTimes, limits: HealthLimits = LIMITS) {
    this.#blocked = blocked;
    this.#limits = limits;
  }

  /** From now on it serves, with these. */
  serving(...roles: readonly HasInside[]): void {
    this.#roles.push(...roles);
    this.#state = "serving";
  }

  stopping(): void {
    this.#state = "stopping";
  }

  live(): HealthReport {
    return reportOf({ loops: this.#loops(), eventLoop: this.#eventLoop() });
  }

  ready(): HealthReport {
    const redis = this.#roles.length === 0 ? {} : { redis: this.#redis() };
    return reportOf({ process: this.#process(), ...redis, eventLoop: this.#eventLoop() });
  }

  #process(): Check {
    const state = this.#state;
    switch (state) {
      case "starting":
        return {
          ok: false,
          state,
          reason: "the process is starting: its handlers or Redis are not there yet",
        };
      case "stopping":
        return { ok: false, state, reason: "the process is stopping" };
      case "serving":
        return { ok: true, state };
    }
  }

  #loops(): Check {
    const looks = this.#roles.flatMap((role) => role[INSIDE]().loops);
    const { loopBehindMs } = this.#limits;
    const stuck = looks.filter(({ behindMs }) => behindMs > loopBehindMs);
    const behindMs = Object.fromEntries(looks.map((look) => [look.name, Math.round(look.behindMs)]));
    return stuck.length === 0
      ? { ok: true, behindMs }
      : { ok: false, reason: stuck.map((look) => shownBehind(look)).join("; "), behindMs };
  }

  #redis(): Check {
    const looks = this.#roles.map((role) => role[INSIDE]().redis);
    if (looks.some(({ isConnected }) => !isConnected))
      return { ok: false, reason: "there is no connection to Redis" };
    const silentMs = Math.max(...looks.map(({ answeredMsAgo = Number.POSITIVE_INFINITY }) => answeredMsAgo));
    if (silentMs <= this.#limits.redisSilentMs) return { ok: true, answeredMsAgo: Math.round(silentMs) };
    const since = Number.isFinite(silentMs) ? ` for ${Math.round(silentMs)} ms` : "";
    return { ok: false, reason: `Redis has not answered${since}` };
  }

  /** Never wrong by itself: whoever gets this answer knows that the loop turns. */
  #eventLoop(): Check {
    const { longestMs, withinMs } = this.#blocked.look();
    return { ok: true, longestBlockedMs: Math.round(longestMs), withinMs };
  }
}

const shownBehind = ({ name, behindMs }: LoopLook): string =>
  `the loop of ${name} has not turned for ${Math.round(behindMs)} ms`;

const reportOf = (checks: Readonly<Record<string, Check>>): HealthReport => ({
  ok: Object.values(checks).every(({ ok }) => ok),
  checks,
});
