import { expect, it } from "vitest";
import { setupCli } from "./support/cli.ts";

it("shows one queue as a JSON document", async () => {
  const { run, queue } = setupCli();
  const tasks = queue();
  await tasks.addBulk([
    { name: "n", data: 1 },
    { name: "n", data: 2, opts: { delay: 60_000 } },
  ]);
  await tasks.pause();
  const { code, stdout, stderr } = await run(["stats", "q", "--json"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({
    queue: "q",
    delayed: 1,
    ready: 1,
    leased: 0,
    dead: 0,
    done: 0,
    paused: true,
    counters: { added: 2 },
  });
});

it("shows all queues as a table, and as a JSON array", async () => {
  const { run, queue } = setupCli();
  await queue({}, "b").add("n", 1);
  await queue({}, "a").add("n", 1, { delay: 60_000 });
  const [table, json] = await Promise.all([run(["stats"]), run(["stats", "--json"])]);
  expect(table).toEqual({
    code: 0,
    stderr: "",
    stdout: [
      "queue  delayed  ready  leased  dead  done",
      "a            1      0       0     0     0",
      "b            0      1       0     0     0\n",
    ].join("\n"),
  });
  expect(JSON.parse(json.stdout)).toMatchObject([{ queue: "a" }, { queue: "b" }]);
});

it("says that there is nothing, or no such queue", async () => {
  const { run, prefix } = setupCli();
  const [none, noneJson, unknown] = await Promise.all([
    run(["stats"]),
    run(["stats", "--json"]),
    run(["stats", "q"]),
  ]);
  expect(none).toEqual({ code: 0, stdout: "", stderr: `delayq: no queues under the prefix ${prefix}\n` });
  expect(noneJson).toEqual({ code: 0, stdout: "[]\n", stderr: "" });
  expect(unknown).toMatchObject({ code: 4, stdout: "" });
  expect(unknown.stderr).toBe(
    `delayq: there is no queue q (prefix ${prefix}); nothing was ever added to it\n`,
  );
});
