import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test, vi } from "vitest";
import { startDevRedis } from "../../src/dev/dev-redis.ts";
import { setupBareEnv, temporaryFolder } from "../dev/setup.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DEMO = ["bin/prepare.js", "node", "examples/demo/run.js"];
const WAIT = { timeout: 15_000, interval: 50 };

interface Demo {
  readonly child: ChildProcess;
  readonly tmp: string;
  readonly output: () => string;
  /** Resolves to the exit code when all that it wrote has been read. */
  readonly ended: Promise<number | null>;
}

/** The short demo, as `npm run demo` runs it, with a temporary folder of its own to see what it leaves behind. */
async function startDemo(env: NodeJS.ProcessEnv = {}): Promise<Demo> {
  const tmp = await temporaryFolder();
  const child = spawn(process.execPath, DEMO, {
    cwd: ROOT,
    env: { ...process.env, DELAYQ_REDIS_URL: "", DELAYQ_DEMO_SECONDS: "3", TMPDIR: tmp, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGTERM"));
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const ended = once(child, "close").then(([code]) => code as number | null);
  return { child, tmp, output: () => text, ended };
}

/** The pids of its workers: each keeps a journal that is named after it. */
async function workersOf({ tmp }: Demo): Promise<number[]> {
  return await vi.waitFor(async () => {
    const folder = (await readdir(tmp)).find((name) => name.startsWith("delayq-demo-"));
    const names = await readdir(join(tmp, folder ?? "not there yet"));
    const pids = names.flatMap((name) => /^journal-(\d+)/.exec(name)?.[1] ?? []).map(Number);
    expect(pids).toHaveLength(2);
    return pids;
  }, WAIT);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test("accounts for every reminder, though a worker is killed", async () => {
  const demo = await startDemo({ NO_COLOR: "1" });
  const code = await demo.ended;
  expect(demo.output()).toContain("every reminder is accounted for");
  expect(code).toBe(0);
  const table = Object.fromEntries(
    [...demo.output().matchAll(/^│ ([a-z0-9 ]+?) +│ +(\d+)/gm)].map(([, name, value]) => [
      name,
      Number(value),
    ]),
  );
  expect(table).toMatchObject({ added: 600, completed: 600, dead: 6, requeued: 6 });
  expect(table["retried"]).toBeGreaterThanOrEqual(24);
  expect(table["recovered"]).toBeGreaterThanOrEqual(5);
  expect(Object.keys(table)).toEqual(expect.arrayContaining(["lag p50", "lag p99", "lag max"]));
  expect(demo.output()).toMatch(/was killed with SIGKILL while it ran [1-9]\d* reminders/);
  expect(await readdir(demo.tmp)).toEqual([]);
});

test("takes everything away when it is interrupted", async () => {
  const demo = await startDemo();
  const workers = await workersOf(demo);
  demo.child.kill("SIGINT");
  expect(await demo.ended).toBe(130);
  expect(workers.filter(isAlive)).toEqual([]);
  expect(await readdir(demo.tmp)).toEqual([]);
});

test("ends, and says why, when a process dies that it did not kill", async () => {
  const demo = await startDemo();
  const workers = await workersOf(demo);
  process.kill(workers[0] ?? 0, "SIGKILL");
  expect(await demo.ended).toBe(1);
  expect(demo.output()).toMatch(/delayq worker .* ended with SIGKILL/);
  expect(workers.filter(isAlive)).toEqual([]);
  expect(await readdir(demo.tmp)).toEqual([]);
});

test("says how to get a Redis where there is none, and ends with code 3", async () => {
  const { env } = await setupBareEnv();
  const demo = await startDemo(env);
  expect(await demo.ended).toBe(3);
  expect(demo.output()).toContain("No Redis 7.0 or newer was found here.");
});

test("the example in the README is examples/add-and-run.js, and runs", async () => {
  const example = await readFile(join(ROOT, "examples/add-and-run.js"), "utf8");
  expect(await readFile(join(ROOT, "README.md"), "utf8")).toContain(`\`\`\`js\n${example}\`\`\``);
  const redis = await startDevRedis(); // of its own: the example takes the usual prefix
  onTestFinished(async () => await redis.stop());
  const run = execFile(process.execPath, ["bin/prepare.js", "node", "examples/add-and-run.js"], {
    cwd: ROOT,
    env: { ...process.env, DELAYQ_REDIS_URL: redis.url },
  });
  let text = "";
  run.stdout?.on("data", (chunk: string) => (text += chunk));
  expect(await once(run, "close")).toEqual([0, null]);
  expect(text).toBe("cancelled\nwelcome, user 7\n");
});
