import { expect, inject, it } from "vitest";
import { eventually } from "../support/fixture.ts";
import { setupCli } from "./support/cli.ts";
import { runOnTerminal } from "./support/terminal.ts";

/** A queue with two delayed tasks and a ready one. */
async function setup() {
  const cli = setupCli();
  const tasks = cli.queue();
  for (const delay of [60_000, 90_000, 0]) await tasks.add("n", null, { delay });
  const env = { DELAYQ_REDIS_URL: inject("redisUrl"), DELAYQ_PREFIX: cli.prefix };
  return { ...cli, tasks, env };
}

it("lists queues, shows, pauses and resumes one", async () => {
  const { run, tasks } = await setup();
  const line = "q           4        2      1       0     0     0";
  expect(await run(["queue", "ls"])).toEqual({
    code: 0,
    stderr: "",
    stdout: `queue  shards  delayed  ready  leased  dead  done\n${line}\n`,
  });
  expect(await run(["queue", "pause", "q"])).toMatchObject({ code: 0, stdout: "paused q\n" });
  expect((await tasks.counts()).paused).toBe(true);
  expect(JSON.parse((await run(["queue", "show", "q", "--json"])).stdout)).toEqual({
    queue: "q",
    shards: 4,
    paused: true,
    delayed: 2,
    ready: 1,
    leased: 0,
    dead: 0,
    done: 0,
  });
  expect(await run(["queue", "resume", "q", "--json"])).toMatchObject({
    stdout: '{"queue":"q","paused":false}\n',
  });
  expect((await tasks.counts()).paused).toBe(false);
  expect(await run(["queue", "pause", "none"])).toMatchObject({ code: 4, stdout: "" });
});

it("drains and obliterates only what is confirmed", async () => {
  const { run, tasks } = await setup();
  expect(await run(["queue", "drain", "q"])).toMatchObject({ code: 5, stdout: "" });
  expect(await run(["queue", "obliterate", "q"])).toMatchObject({ code: 5, stdout: "" });
  expect(await tasks.counts()).toMatchObject({ delayed: 2, ready: 1 });
  expect(await run(["queue", "drain", "q", "--yes"])).toMatchObject({ code: 0, stdout: "cancelled 3\n" });
  expect(await tasks.counts()).toMatchObject({ delayed: 0, ready: 0 });
  expect(await run(["queue", "obliterate", "q", "--yes"])).toMatchObject({
    code: 0,
    stdout: "removed q with 0 tasks\n",
  });
  expect(await run(["queue", "show", "q"])).toMatchObject({ code: 4 });
});

it("asks on a terminal for the queue's name", async () => {
  const { tasks, env } = await setup();
  const question = "This will cancel 3 tasks of q.";
  const wrong = await runOnTerminal(["queue", "drain", "q"], env, [[question, "p\r"]]);
  expect(wrong.code, wrong.output).toBe(5);
  expect(wrong.output).toContain("this is not the name of the queue, q; nothing was done");
  const stopped = await runOnTerminal(["queue", "drain", "q"], env, [[question, "\u0003"]]);
  expect(stopped.code, stopped.output).toBe(130);
  expect(await tasks.counts()).toMatchObject({ delayed: 2, ready: 1 });
  const right = await runOnTerminal(["queue", "drain", "q"], env, [[question, "q\r"]]);
  expect(right.code, right.output).toBe(0);
  expect(right.output).toContain("cancelled 3");
  expect(await tasks.counts()).toMatchObject({ delayed: 0, ready: 0 });
});

it("lists shards, workers and schedulers", async () => {
  const { run, worker, tasks } = await setup();
  expect(await run(["worker", "ls"])).toMatchObject({
    code: 0,
    stdout: "",
    stderr: "delayq: no worker lives\n",
  });
  worker(() => undefined, { concurrency: 7 });
  await eventually(async () => expect((await tasks.counts()).ready).toBe(0));
  await eventually(async () => {
    const shards = JSON.parse((await run(["shard", "ls", "q", "--json"])).stdout) as { owner: string }[];
    expect(shards.map(({ owner }) => owner !== "")).toEqual([true, true, true, true]);
  });
  const [shards, workers, schedulers, others] = await Promise.all([
    run(["shard", "ls", "q"]),
    run(["worker", "ls", "q", "--json"]),
    run(["scheduler", "ls"]),
    run(["worker", "ls", "other", "--json"]),
  ]);
  expect(shards.stdout).toMatch(
    /^shard +owner +epoch +delayed +ready +leased +dead +done +next due +head age\n/,
  );
  expect(JSON.parse(workers.stdout)).toMatchObject([{ pid: process.pid, queues: ["q"], concurrency: 7 }]);
  expect(schedulers.stdout).toMatch(/^id +host +pid +state +queues\n\S+ +\S+ +\d+ +active +q\n$/);
  expect(others.stdout).toBe("[]\n");
});
