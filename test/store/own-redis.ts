import { Redis } from "ioredis";
import { afterAll, beforeAll } from "vitest";
import { startDevRedis, type DevRedis } from "../../src/dev/dev-redis.ts";

/** A Redis for one test file alone, which may be filled up, or have users of its own. */
export interface OwnRedis {
  readonly url: string;
  /** Not bound by the limits of the tests. */
  readonly admin: Redis;
}

export function useOwnRedis(): () => OwnRedis {
  let server: DevRedis | undefined;
  let own: OwnRedis | undefined;
  beforeAll(async () => {
    server = await startDevRedis({ env: { ...process.env, DELAYQ_REDIS_URL: undefined } });
    own = { url: server.url, admin: new Redis(server.url, { maxRetriesPerRequest: 0 }) };
  });
  afterAll(async () => {
    own?.admin.disconnect();
    await server?.stop();
  });
  return () => {
    if (own === undefined) throw new Error("Expected Redis to run.");
    return own;
  };
}
