import { defineConfig } from "vitest/config";

/** Real Prometheus and Alertmanager: one file at a time, since what they are to see has to come in time. */
export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["test/observability/**/*.test.ts"],
    globalSetup: ["test/support/redis.ts", "test/observability/support/setup.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: "forks",
    maxWorkers: 1,
  },
});
