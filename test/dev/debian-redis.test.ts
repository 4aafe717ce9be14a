import { mkdir, readdir, truncate } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { locateDebianCached, unpackDebianPackage } from "../../src/dev/debian-redis.ts";
import { isDebianLike, readOsRelease } from "../../src/dev/os-release.ts";
import { connect, setupRedisProcess, temporaryFolder } from "./setup.ts";

const BUILD_TIMEOUT_MS = 120_000;

async function setup() {
  const cache = await temporaryFolder();
  const lines: string[] = [];
  const context = {
    env: { ...process.env, DELAYQ_CACHE_DIR: cache },
    onProgress: (line: string) => {
      lines.push(line);
    },
  };
  return { cache, context, lines };
}

// One long test, because each build takes seconds and the network.
describe.skipIf(!isDebianLike(await readOsRelease()))("the distribution's package", () => {
  test(
    "is unpacked by two at once, found again, and replaced when broken",
    async () => {
      const { cache, context, lines } = await setup();
      expect(await locateDebianCached(context)).toBeUndefined();

      const [one, other] = await Promise.all([unpackDebianPackage(context), unpackDebianPackage(context)]);
      expect(one).toMatchObject({ source: "debian", version: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
      expect(other).toEqual(one);
      expect(lines[0]).toContain("downloading the distribution's redis-server package");
      const names = await readdir(cache);
      expect(names).toHaveLength(1);

      const cached = await locateDebianCached(context);
      expect(cached).toEqual(one);
      const redis = await setupRedisProcess({ server: cached! });
      await redis.start();
      expect(await connect(redis.url).ping()).toBe("PONG");
      // A program that runs cannot be written to.
      await redis.stop();

      await truncate(cached!.command, 0);
      expect(await locateDebianCached(context)).toBeUndefined();
      expect(await unpackDebianPackage(context)).toEqual(one);
      expect(await readdir(cache)).toEqual(names);
    },
    BUILD_TIMEOUT_MS,
  );

  test("is not taken for whole while half of it is there", async () => {
    const { cache, context } = await setup();
    const { id, version } = await readOsRelease();
    await mkdir(join(cache, `redis-${id}-${version}-${process.arch}`, "usr", "bin"), { recursive: true });
    expect(await locateDebianCached(context)).toBeUndefined();
  });

  test(
    "says what apt said when it cannot be fetched, and leaves nothing",
    async () => {
      const { cache, context } = await setup();
      const env = { ...context.env, http_proxy: "http://127.0.0.1:9", https_proxy: "http://127.0.0.1:9" };
      await expect(unpackDebianPackage({ ...context, env })).rejects.toThrow(/could not be fetched: .+/);
      expect(await readdir(cache)).toEqual([]);
    },
    BUILD_TIMEOUT_MS,
  );
});
