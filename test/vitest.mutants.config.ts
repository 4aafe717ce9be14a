import { defineConfig } from "vitest/config";

/** Altered scripts: with a mistake each, which the model must find, and one that fails where it hands Redis a number. */
export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["test/model/mutants.test.ts", "test/model/numbers.test.ts"],
    globalSetup: ["test/support/redis.ts"],
    testTimeout: 120_000,
    pool: "forks",
  },
});
