import type { TestProject } from "vitest/node";
import { startDevRedis } from "../../src/dev/dev-redis.ts";

declare module "vitest" {
  interface ProvidedContext {
    redisUrl: string;
  }
}

/** One private Redis for all test files; each test takes a prefix of its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const redis = await startDevRedis({ onProgress: (line) => console.error(line) });
  project.provide("redisUrl", redis.url);
  return async () => await redis.stop();
}
