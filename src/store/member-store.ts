import type { CallOptions, Connection } from "./connection.ts";
import { memberFactsKey, membersKey } from "./keys.ts";
import { beat } from "./scripts.ts";
import { REDIS_TIME, pairs, readTimeMs, type GivenTime } from "./queue-store.ts";

/** What is known of a live scheduler or worker. */
export interface MemberFacts {
  readonly role: "scheduler" | "worker";
  readonly queues: readonly string[];
  readonly host: string;
  readonly pid: number;
  readonly concurrency?: number;
  /** Of a scheduler that owns no shards unless others fail. */
  readonly isStandby?: boolean;
}

export interface Member extends MemberFacts {
  readonly id: string;
}

/** Who lives: one heartbeat a member, whatever it serves. */
export class MemberStore {
  readonly #connection: Connection;
  readonly #keys: { readonly members: string; readonly facts: string };
  readonly #time: GivenTime;

  constructor(connection: Connection, prefix: string, time: GivenTime = REDIS_TIME) {
    this.#connection = connection;
    this.#keys = { members: membersKey(prefix), facts: memberFactsKey(prefix) };
    this.#time = time;
  }

  /**
   * Says that a member lives for `ttlMs` more (0: it leaves). Returns all members if they changed since `generation`
   * ("0" for none known).
   */
  async beat(
    member: string,
    facts: MemberFacts,
    ttlMs: number,
    generation: string,
    options: CallOptions,
  ): Promise<{ generation: string; members: Member[] } | undefined> {
    const args = { nowMs: this.#time(), member, ttlMs, memberFacts: JSON.stringify(facts), generation };
    const reply = await this.#connection.call(beat, this.#keys, args, [], options);
    if (reply.word === "SAME") return undefined;
    const members = reply.members.map(({ id, facts }) => ({ id, ...(JSON.parse(facts) as MemberFacts) }));
    return { generation: reply.generation, members };
  }

  /** Who lives now. Whoever missed its time is left out, also where nobody has beaten since to take it away. Changes nothing. */
  async read(options: CallOptions): Promise<Member[]> {
    const [nowMs, scores, facts] = await Promise.all([
      readTimeMs(this.#connection, options),
      this.#connection.read("zrange", [this.#keys.members, 0, -1, "WITHSCORES"], options),
      this.#connection.read("hgetall", [this.#keys.facts], options),
    ]);
    const untilMs = pairs(scores);
    return [...pairs(facts)]
      .filter(([id]) => Number(untilMs.get(id) ?? 0) > nowMs)
      .map(([id, its]) => ({ id, ...(JSON.parse(its) as MemberFacts) }));
  }
}
