import { defineConfig } from "vitest/config";

/** Sentinel sets and Clusters: one file at a time, since each starts up to a dozen servers that watch a clock. */
export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["test/topology/**/*.test.ts"],
    globalSetup: ["test/support/redis.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 1,
  },
});
