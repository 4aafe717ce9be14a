import { memberFactsKey, membersKey, queuesKey, shardKeys, wakeChannel } from "./keys.ts";

/**
 * Commands as delayq sends them, itself or in its scripts, to be tried with ACL DRYRUN. The keys need not exist; a test holds
 * them against the scripts.
 */
export interface NeededRight {
  readonly command: readonly string[];
  /** Whether delayq goes on without it. */
  readonly isOptional: boolean;
}

export function neededRights(prefix: string, isCluster: boolean): NeededRight[] {
  const keys = shardKeys({ prefix, queue: "doctor" }, 0, 1);
  const { tasks: hash, leased: zset } = keys;
  const [list = "", due = ""] = [keys.ready[0], keys.due[0]];
  const needed = [
    ["evalsha", "0".repeat(40), "1", hash],
    ["eval", "return 1", "1", hash],
    ["time"],
    ["exists", hash],
    ["unlink", hash],
    ["pexpire", hash, "1"],
    ["hget", hash, "f"],
    ["hmget", hash, "f"],
    ["hgetall", hash],
    ["hexists", hash, "f"],
    ["hlen", hash],
    ["hscan", hash, "0"],
    ["hstrlen", hash, "f"],
    ["hset", hash, "f", "v"],
    ["hdel", hash, "f"],
    ["hincrby", hash, "f", "1"],
    ["llen", list],
    ["lindex", list, "0"],
    ["lrange", list, "0", "-1"],
    ["lpush", list, "v"],
    ["rpush", list, "v"],
    ["lpop", list, "1"],
    ["lrem", list, "1", "v"],
    ["zadd", zset, "1", "m"],
    ["zcard", zset],
    ["zcount", zset, "0", "1"],
    ["zmscore", zset, "m"],
    ["zpopmin", zset],
    ["zrange", zset, "0", "1"],
    ["zrangebyscore", zset, "0", "1"],
    ["zrem", zset, "m"],
    ["zremrangebyrank", zset, "0", "1"],
    ["zremrangebyscore", zset, "0", "1"],
    ["zscore", zset, "m"],
    ["hset", queuesKey(prefix), "f", "v"],
    ["zadd", membersKey(prefix), "1", "m"],
    ["hset", memberFactsKey(prefix), "f", "v"],
    ...(isCluster ? [["cluster", "slots"]] : []),
  ];
  const optional = [
    ["info"],
    ["spublish", due, "m"],
    ["spublish", wakeChannel(keys, "w"), "m"],
    ["ssubscribe", due],
    ["sunsubscribe", due],
    ["ssubscribe", membersKey(prefix)],
    ["spublish", membersKey(prefix), "m"],
  ];
  return [
    ...needed.map((command) => ({ command, isOptional: false })),
    ...optional.map((command) => ({ command, isOptional: true })),
  ];
}
