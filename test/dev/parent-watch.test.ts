import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { setupFakeDocker } from "./fake-docker.ts";
import { connect, compileDevRoom, whenNobodyListens } from "./setup.ts";

/** Starts a process that starts a Redis and then does what it is told on its standard input. */
async function startParent(parentEnv = process.env): Promise<{ parent: ChildProcess; url: string }> {
  const room = await compileDevRoom();
  const script = join(room, "parent.js");
  await writeFile(
    script,
    `import { startDevRedis } from ${JSON.stringify(pathToFileURL(join(room, "dev-redis.js")).href)};
     const redis = await startDevRedis();
     console.log(redis.url);
     process.stdin.once("data", (order) => {
       if (order.toString() === "exit") process.exit(0);
       process.stdin.destroy();
     });`,
  );
  const { DELAYQ_REDIS_URL: _, ...env } = parentEnv;
  // Killed, it cannot remove its temporary folder: that goes with the compiled one.
  env["TMPDIR"] = room;
  const parent = spawn(process.execPath, [script], { env, stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => {
    parent.kill("SIGKILL");
  });
  const [url] = (await once(createInterface({ input: parent.stdout }), "line")) as [string];
  return { parent, url };
}

describe("a Redis whose starter is gone", () => {
  test.each([
    ["killed with SIGKILL", (parent: ChildProcess) => parent.kill("SIGKILL")],
    ["exited without stopping it", (parent: ChildProcess) => parent.stdin!.write("exit")],
    ["came to its end without stopping it", (parent: ChildProcess) => parent.stdin!.write("end")],
  ])("ends too: %s", async (_, end) => {
    const { parent, url } = await startParent();
    expect(await connect(url).ping()).toBe("PONG");
    end(parent);
    await once(parent, "exit");
    await whenNobodyListens(Number(new URL(url).port));
  });

  test("ends even when it is frozen", async () => {
    const { parent, url } = await startParent();
    const info = await connect(url).info("server");
    const pid = Number(/process_id:(\d+)/.exec(info)?.[1]);
    process.kill(pid, "SIGSTOP");
    parent.kill("SIGKILL");
    await whenNobodyListens(Number(new URL(url).port));
  });

  test("ends in its container too", async () => {
    const { env, calls } = await setupFakeDocker();
    const { parent, url } = await startParent(env);
    parent.kill("SIGKILL");
    await whenNobodyListens(Number(new URL(url).port));
    expect(await calls()).toContainEqual(expect.stringMatching(/^rm --force delayq-dev-/));
  });
});
