import { Redis } from "ioredis";
import { onTestFinished } from "vitest";
import { memberFactsKey } from "../../src/store/keys.ts";
import type { Member, MemberFacts } from "../../src/store/member-store.ts";

/** What Redis says of who lives under a prefix, and of who owns shards. */
export function look(url: string, prefix: string) {
  const redis = new Redis(url);
  onTestFinished(() => redis.disconnect());
  return {
    schedulers: async (): Promise<Member[]> => {
      const all = Object.entries(await redis.hgetall(memberFactsKey(prefix)));
      return all
        .filter(([id]) => id !== "generation")
        .map(([id, facts]) => ({ id, ...(JSON.parse(facts) as MemberFacts) }))
        .filter(({ role }) => role === "scheduler");
    },
    /** The owner of each shard, an empty text for one that has none. */
    owners: async (): Promise<string[]> => {
      const keys = await redis.keys(`${prefix}:*:seq`);
      return await Promise.all(keys.map(async (key) => (await redis.hget(key, "owner")) ?? ""));
    },
    /** How many scripts this Redis has run. */
    scriptCalls: async (): Promise<number> => {
      const stats = await redis.info("commandstats");
      return Number(/^cmdstat_evalsha:calls=(\d+)/m.exec(stats)?.[1] ?? 0);
    },
  };
}
