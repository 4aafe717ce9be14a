import { describe, expect, inject, test } from "vitest";
import { setupRedisProcess } from "../dev/setup.ts";
import { eventually } from "../support/fixture.ts";
import { setupCli } from "./support/cli.ts";
import { hasTerminal, startInTerminal } from "./support/screen.ts";

interface Line {
  readonly rates: { readonly completed: number };
}

describe("top where there is no terminal", () => {
  test("prints a line for each queue and interval", async () => {
    const { run, queue } = setupCli();
    await queue({}, "a").add("n", 1, { delay: 60_000 });
    await queue({}, "b").add("n", 1);
    const { code, stdout, stderr } = await run(["top", "--interval", "100ms", "--count", "2"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const line = (name: string, states: string): RegExp =>
      new RegExp(
        `^20\\S+Z ${name} added=0\\.0/s completed=0\\.0/s failed=0\\.0/s lag=\\S+ ${states} leased=0 dead=0 done=0 workers=0 schedulers=0$`,
      );
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(4);
    for (const at of [0, 2]) {
      expect(lines[at]).toMatch(line("a", "delayed=1 ready=0"));
      expect(lines[at + 1]).toMatch(line("b", "delayed=0 ready=1"));
    }
  });

  test("prints JSON with rates, lag, states and members", async () => {
    const { start, queue, worker } = setupCli();
    const tasks = queue();
    worker(async () => {}, { concurrency: 7 });
    const top = start(["top", "q", "--interval", "300ms", "--json"]);
    await eventually(async () => {
      await tasks.add("n", 1);
      expect(top.stdout.some((line) => (JSON.parse(line) as Line).rates.completed > 0)).toBe(true);
    });
    const seen = top.stdout.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(seen.at(-1)).toMatchObject({
      queue: "q",
      paused: false,
      rates: { added: expect.any(Number), completed: expect.any(Number), failed: 0 },
      lagMs: expect.any(Number),
      workers: 1,
      concurrency: 7,
      schedulers: 1,
    });
    top.child.kill("SIGINT");
    expect(await top.ended).toBe(130);
    expect(top.logs).toEqual([{ msg: "delayq: interrupted" }]);
  });

  test("knows what is no queue and no interval", async () => {
    const { run } = setupCli();
    const [unknown, hasty] = await Promise.all([run(["top", "q"]), run(["top", "--interval", "10ms"])]);
    expect(unknown).toMatchObject({ code: 4, stdout: "" });
    expect(hasty).toMatchObject({ code: 2, stdout: "" });
    expect(hasty.stderr).toContain("expected --interval to be at least 100ms");
  });
});

const ENTER = "\u001b[?1049h";
const LEAVE = "\u001b[?1049l";

describe.runIf(hasTerminal)("top on a terminal", () => {
  const env = () => ({ DELAYQ_REDIS_URL: inject("redisUrl") });

  test("shows queues, goes by keys, and leaves the terminal as it was", async () => {
    const { queue, prefix } = setupCli();
    await queue({}, "a").add("n", 1, { delay: 60_000 });
    await queue({}, "b").addBulk([
      { name: "n", data: 1 },
      { name: "n", data: 2 },
    ]);
    const top = startInTerminal(["top", "--prefix", prefix, "--interval", "200ms"], env());
    await top.until(/before=\S+/);
    await top.until(/sorted by queue[^]*?added\/s/);
    expect(top.seen()).toContain(ENTER);
    await top.until(/\u001b\[7ma {2}/); // the first one is chosen
    top.type("\u001b[B");
    await top.until(/\u001b\[7mb {2}/);
    top.type("k");
    await top.until(/\u001b\[7ma {2}/);
    top.type("ss");
    await top.until(/sorted by ready[^]*?b {2}[^]*?a {2}/);
    top.type("q");
    await top.until(/code=0/);
    await top.until(/after=\S+/);
    const seen = top.seen();
    expect(/after=(\S+)/.exec(seen)?.[1]).toBe(/before=(\S+)/.exec(seen)?.[1]);
    expect(seen.lastIndexOf(LEAVE)).toBeGreaterThan(seen.lastIndexOf(ENTER));
    expect(seen.slice(seen.lastIndexOf("\u001b[?25l"))).toContain("\u001b[?25h");
  });

  test("is left by Ctrl-C with 130, the terminal as it was", async () => {
    const { prefix } = setupCli();
    const top = startInTerminal(["top", "--prefix", prefix], env());
    await top.until(/no queues yet/);
    top.type("\u0003");
    await top.until(/code=130/);
    await top.until(/after=\S+/);
    const seen = top.seen();
    expect(/after=(\S+)/.exec(seen)?.[1]).toBe(/before=(\S+)/.exec(seen)?.[1]);
    expect(seen).toContain(LEAVE);
  });

  test("says when Redis does not answer, goes on when it does, and can be left meanwhile", async () => {
    const redis = await setupRedisProcess();
    await redis.start();
    const url = `redis://127.0.0.1:${redis.port}`;
    const top = startInTerminal(["top", "--interval", "100ms"], { DELAYQ_REDIS_URL: url });
    await top.until(/no queues yet/);
    await redis.kill("SIGSTOP");
    await top.until(/Redis does not answer/);
    await redis.kill("SIGCONT");
    await top.until(/sorted by queue\u001b\[K\r\n\u001b\[K\r/);
    await redis.kill("SIGKILL");
    await top.until(/Redis does not answer/);
    const leftAtMs = performance.now();
    top.type("q");
    await top.until(/code=0/);
    expect(performance.now() - leftAtMs).toBeLessThan(5000); // not after the 10 s of a call
  });
});
