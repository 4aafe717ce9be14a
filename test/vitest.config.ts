import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["test/**/*.test.ts"],
    // npm run test:topology, npm run test:observability, npm run test:mutants
    exclude: [
      "test/topology/**",
      "test/observability/**",
      "test/model/mutants.test.ts",
      "test/model/numbers.test.ts",
    ],
    globalSetup: ["test/support/redis.ts"],
    typecheck: { enabled: true, include: ["test/**/*.test-d.ts"], tsconfig: "tsconfig.json" },
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
