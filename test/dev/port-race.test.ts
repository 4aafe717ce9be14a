import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { startDevRedis } from "../../src/dev/dev-redis.ts";
import { findFreePort } from "../../src/dev/free-port.ts";
import { connect, setupRedisProcess } from "./setup.ts";

vi.mock("../../src/dev/free-port.ts", { spy: true });

beforeEach(() => {
  vi.mocked(findFreePort).mockReset();
});

async function setupTakenPort() {
  const holder = await setupRedisProcess();
  await holder.start();
  const { DELAYQ_REDIS_URL: _, ...env } = process.env;
  return { takenPort: holder.port, env };
}

describe("a port that is taken between being found and being bound", () => {
  test("is left to whoever took it, and another is found", async () => {
    const { takenPort, env } = await setupTakenPort();
    vi.mocked(findFreePort).mockResolvedValueOnce(takenPort);
    const redis = await startDevRedis({ env });
    onTestFinished(() => redis.stop());
    expect(new URL(redis.url).port).not.toBe(String(takenPort));
    expect(await connect(redis.url).ping()).toBe("PONG");
  });

  test("is not tried for ever", async () => {
    const { takenPort, env } = await setupTakenPort();
    vi.mocked(findFreePort).mockClear().mockResolvedValue(takenPort);
    await expect(startDevRedis({ env })).rejects.toThrow(/Address already in use/i);
    expect(findFreePort).toHaveBeenCalledTimes(5);
  });
});
