import { defineConfig } from "vitest/config";

/** Scripts with a mistake each, which the model must find: each is run until it does. */
export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["test/model/mutants.test.ts"],
    globalSetup: ["test/support/redis.ts"],
    testTimeout: 120_000,
    pool: "forks",
  },
});
