import { describe, expect, onTestFinished, test } from "vitest";
import { startDevRedis } from "../../src/dev/dev-redis.ts";
import { locateRedisServer } from "../../src/dev/locate-redis-server.ts";
import { setupFakeDocker } from "./fake-docker.ts";
import { connect, whenNobodyListens } from "./setup.ts";

describe("Redis in Docker", () => {
  test("publishes a port of 127.0.0.1 only, and is gone after stop", async () => {
    const { env, calls } = await setupFakeDocker();
    const redis = await startDevRedis({ env });
    onTestFinished(() => redis.stop());
    expect(redis.source).toBe("docker");
    expect(await connect(redis.url).ping()).toBe("PONG");
    const { port } = new URL(redis.url);
    const run = (await calls()).find((call) => call.startsWith("run "));
    expect(run).toContain("run --rm --name=delayq-dev-");
    expect(run).toContain(`--publish=127.0.0.1:${port}:6379`);
    await redis.stop();
    await whenNobodyListens(Number(port));
    expect(await calls()).toContainEqual(expect.stringMatching(/^kill --signal SIGTERM delayq-dev-/));
  });

  test("pulls the image once, and says so", async () => {
    const { env, calls } = await setupFakeDocker();
    const lines: string[] = [];
    for (let time = 1; time <= 2; time += 1) {
      await locateRedisServer({ env, onProgress: (line) => lines.push(line) });
    }
    expect((await calls()).filter((call) => call.startsWith("pull "))).toEqual(["pull redis:7"]);
    expect(lines).toEqual(["pulling the docker image redis:7"]);
  });
});
