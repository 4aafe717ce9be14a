import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { locateRedisServer } from "../../src/dev/locate-redis-server.ts";
import { setupBareEnv } from "./setup.ts";

const REDIS_7 = 'echo "Redis server v=7.2.4 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=abc"';
const REDIS_6 = 'echo "Redis server v=6.2.14 sha=00000000:0 malloc=jemalloc-5.1.0 bits=64 build=abc"';
const VALKEY_8 = 'echo "Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=abc"';
const DOCKER_WITHOUT_DAEMON = 'echo "Cannot connect to the Docker daemon" >&2; exit 1';

async function locate(scripts: Readonly<Record<string, string>>) {
  const { env, bin } = await setupBareEnv(scripts);
  const lines: string[] = [];
  const server = await locateRedisServer({ env, onProgress: (line) => lines.push(line) }).catch(
    (error: unknown) => ({ error }),
  );
  return { server, bin, lines };
}

describe("locateRedisServer", () => {
  test("takes the redis-server on the PATH", async () => {
    const { server, bin } = await locate({ "redis-server": REDIS_7 });
    expect(server).toMatchObject({
      source: "path",
      version: "7.2.4",
      command: join(bin, "redis-server"),
      args: [],
    });
  });

  test("takes a valkey-server too", async () => {
    const { server } = await locate({ "valkey-server": VALKEY_8 });
    expect(server).toMatchObject({ source: "path", version: "8.1.1" });
  });

  test("skips one that is too old, says so, and looks further", async () => {
    const { server, bin, lines } = await locate({ "redis-server": REDIS_6, "valkey-server": VALKEY_8 });
    expect(server).toMatchObject({ version: "8.1.1" });
    expect(lines).toEqual([`skipping ${join(bin, "redis-server")}: version 6.2.14 is older than 7.0`]);
  });

  test("skips one that cannot be run", async () => {
    const { server, lines } = await locate({ "redis-server": "exit 127", "valkey-server": VALKEY_8 });
    expect(server).toMatchObject({ version: "8.1.1" });
    expect(lines).toHaveLength(1);
  });

  test("finds what Homebrew installed but did not link", async () => {
    const { bin } = await setupBareEnv({ "valkey-server": VALKEY_8 });
    const brew = `[ "$2" = valkey ] && echo "${dirname(bin)}" || echo /nowhere`;
    const { env } = await setupBareEnv({ brew });
    const server = await locateRedisServer({ env });
    expect(server).toMatchObject({ source: "brew", command: join(bin, "valkey-server") });
  });

  test.each([
    ["no docker", {}],
    ["docker without a daemon", { docker: DOCKER_WITHOUT_DAEMON }],
    ["docker without a daemon that ends well all the same", { docker: "echo" }],
  ])("names the one command to type when there is nothing: %s", async (_, scripts) => {
    const { server } = await locate(scripts);
    expect(server).toMatchObject({
      error: {
        code: "DELAYQ_NO_REDIS",
        message: expect.stringMatching(
          /Type this, then try again:\n\n {2}.*(install|add|pacman|docker) .*(redis|valkey).*\n$/,
        ),
      },
    });
  });
});
