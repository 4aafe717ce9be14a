import { expect, it } from "vitest";
import { eventually } from "../support/fixture.ts";
import { setupCli } from "./support/cli.ts";

/** A queue with three dead tasks: a and b of one name, c of another. */
async function setup() {
  const cli = setupCli();
  const tasks = cli.queue();
  const worker = cli.worker((task) => {
    throw new Error(task.id === "a" ? "ETIMEDOUT" : "re\u001b[2Jfused");
  });
  for (const [id, name] of ["a x", "b x", "c y"].map((text) => text.split(" "))) {
    await tasks.add(name ?? "", { secret: 1 }, { id: id ?? "", attempts: 1 });
    await eventually(async () => expect(await tasks.get(id ?? "")).toMatchObject({ state: "dead" }));
  }
  await worker.close();
  const stateOf = async (id: string): Promise<string | undefined> => (await tasks.get(id))?.state;
  return { ...cli, states: async () => await Promise.all(["a", "b", "c"].map(stateOf)) };
}

it("lists dead tasks, without what their errors would do to a terminal", async () => {
  const { run } = await setup();
  const [table, json] = await Promise.all([
    run(["dead", "ls", "q", "--limit", "2"]),
    run(["dead", "ls", "q", "--json"]),
  ]);
  expect(table).toEqual({
    code: 0,
    stderr: "delayq: there are more; --limit shows more than 2\n",
    stdout:
      "id  name  attempts  error\na   x            1  Error: ETIMEDOUT\nb   x            1  Error: re\\u001b[2Jfused\n",
  });
  expect(json.stdout).not.toContain("\u001b");
  const tasks = json.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
  expect(tasks).toMatchObject([
    { id: "a" },
    { id: "b", error: { message: "re\u001b[2Jfused" } },
    { id: "c" },
  ]);
});

it("brings back by filter, by id, or all", async () => {
  const { run, states } = await setup();
  expect(await run(["dead", "requeue", "q", "--name", "x", "--error", "ETIMEDOUT"])).toEqual({
    code: 0,
    stdout: "requeued 1\n",
    stderr: "",
  });
  expect(await states()).toEqual(["ready", "dead", "dead"]);
  expect(await run(["dead", "requeue", "q", "b", "a", "none"])).toEqual({
    code: 4,
    stdout: "requeued 1\n",
    stderr: expect.stringMatching(/^delayq: not dead: (1 ready, 1 missing|1 missing, 1 ready)\n$/),
  });
  expect(await states()).toEqual(["ready", "ready", "dead"]);
  const { stdout } = await run(["dead", "requeue", "q", "--all", "--json"]);
  expect(JSON.parse(stdout)).toEqual({ requeued: 1 });
  expect(await states()).toEqual(["ready", "ready", "ready"]);
});

it("requires to be told which, and a queue that exists", async () => {
  const { run } = setupCli();
  const [none, both, unknown, ls] = await Promise.all([
    run(["dead", "requeue", "q"]),
    run(["dead", "requeue", "q", "id", "--all"]),
    run(["dead", "requeue", "q", "--all"]),
    run(["dead", "ls", "q"]),
  ]);
  expect([none.code, both.code, unknown.code, ls.code]).toEqual([2, 2, 4, 4]);
  expect(none.stderr).toContain("delayq: give ids, or a filter such as --name and --error, or --all\n");
});

it("shows a dead task with its error, and no other", async () => {
  const { run, queue } = await setup();
  await queue().add("x", 1, { id: "alive", delay: 60_000 });
  const [dead, alive] = await Promise.all([
    run(["dead", "show", "q", "b"]),
    run(["dead", "show", "q", "alive", "--json"]),
  ]);
  expect(dead).toMatchObject({ code: 0, stderr: "" });
  expect(dead.stdout).toMatch(/^id +b\n[^]*\nstate +dead\n[^]*\nerror +Error: re\\u001b\[2Jfused\n/);
  expect(alive).toEqual({ code: 4, stdout: "", stderr: "delayq: task alive is not dead, but delayed\n" });
});

it("purges what is confirmed, and nothing for a dry run or for lack of --yes", async () => {
  const { run, states } = await setup();
  expect(await run(["dead", "purge", "q", "--name", "x", "--dry-run", "--json"])).toEqual({
    code: 0,
    stdout: '{"dryRun":true,"count":2}\n',
    stderr: "",
  });
  expect(await run(["dead", "purge", "q", "--name", "x"])).toEqual({
    code: 5,
    stdout: "",
    stderr:
      "delayq: this would purge 2 tasks of q that are dead; nothing was done. Give --yes to do it, --dry-run to look.\n",
  });
  expect(await run(["dead", "purge", "q", "--older-than", "1h", "--yes", "--json"])).toMatchObject({
    stdout: '{"purged":0}\n',
  });
  expect(await states()).toEqual(["dead", "dead", "dead"]);
  expect(await run(["dead", "purge", "q", "--name", "x", "--yes"])).toMatchObject({ stdout: "purged 2\n" });
  expect(await run(["dead", "purge", "q", "c"])).toMatchObject({ code: 0, stdout: "purged 1\n" });
  expect(await states()).toEqual([undefined, undefined, undefined]);
});
