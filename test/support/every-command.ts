import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { expect } from "vitest";
import { program } from "../../src/cli/main.ts";
import { root, runCli, setupCommands } from "../cli/support/cli.ts";
import { eventually } from "./fixture.ts";

export interface Told {
  /** How the command line is told where Redis is. */
  readonly flags: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly password: string;
}

/** What brings a Redis of its own, and what exporter.test.ts runs. */
const ELSEWHERE = ["dev", "exporter"];

/** `queue ls` and so on, without what is hidden. */
function commandsOf(command: Command, path: readonly string[] = []): string[] {
  const visible = command.createHelp().visibleCommands(command);
  const verbs = visible.filter((sub) => sub.name() !== "help");
  if (verbs.length === 0) return [path.join(" ")];
  return verbs.flatMap((sub) => commandsOf(sub, [...path, sub.name()]));
}

const docs = readFileSync(join(root, "docs/cli.md"), "utf8");

/** What is printed for programs, once it is known that its names stand in the documentation. */
function documented(value: unknown): unknown {
  for (const document of [value].flat()) {
    const unnamed = Object.keys(document as object).filter((name) => !docs.includes(`\`${name}\``));
    expect(unnamed).toEqual([]);
  }
  return value;
}

/** A process for each command that there is, and none of them forgotten. */
export async function useEveryCommand({ flags, env, password }: Told, prefix: string): Promise<void> {
  const { run, start, file } = setupCommands(prefix, env);
  const unused = new Set(commandsOf(program()).filter((name) => !ELSEWHERE.includes(name)));
  const note = ([noun = "", verb = ""]: readonly string[]): void => {
    if (!unused.delete(`${noun} ${verb}`)) unused.delete(noun);
  };
  const ends = async (code: number, line: string, input = ""): Promise<string> => {
    const args = line.split(" ");
    note(args);
    const { stdout, stderr, ...ended } = await run([...args, ...flags], { input });
    expect({ line, code: ended.code, stderr: code === 0 ? stderr : "" }).toEqual({ line, code, stderr: "" });
    expect(stdout + stderr).not.toContain(password);
    return stdout;
  };
  const prints = async (line: string, input?: string): Promise<string> => await ends(0, line, input);
  const json = async (line: string, input?: string): Promise<unknown> =>
    documented(JSON.parse(await prints(`${line} --json`, input)));
  const lines = async (line: string): Promise<unknown[]> =>
    (await prints(`${line} --json`))
      .split("\n")
      .filter((text) => text !== "")
      .map((text) => documented(JSON.parse(text)));

  // To be found
  const later = Array.from({ length: 40 }, (_, i) => ({
    name: "later",
    data: i,
    id: `l-${i}`,
    opts: { delay: 3_600_000, priority: i % 10 },
  }));
  const bad = Array.from({ length: 50 }, (_, i) => ({
    name: "bad",
    data: i,
    id: `b-${i}`,
    opts: { attempts: 3, backoff: { type: "fixed", delay: 1 } },
  }));
  const all = [...later, ...bad].map((task) => `${JSON.stringify(task)}\n`).join("");
  expect(await json("import q - --shards 16", all)).toMatchObject({ imported: 90, skipped: 0 });
  expect(await json('add q good {"a":1} --id now')).toMatchObject({ id: "now", existed: false });
  expect(await json("task add q good --in 1s --id soon")).toMatchObject({ id: "soon", state: "delayed" });

  // Looked at
  const look = { queue: "q", paused: false, delayed: 41, ready: 51, leased: 0, dead: 0, done: 0 };
  await Promise.all([
    eventually(async () => expect((await lines("task ls q --state ready")).length).toBeGreaterThan(50)),
    json("task show q l-3").then((task) => expect(task).toMatchObject({ name: "later", data: 3 })),
    json("timeline q").then((timeline) => expect(timeline).toHaveProperty("buckets")),
    lines("top q --count 1 --interval 100ms").then((pulses) => expect(pulses).toHaveLength(1)),
    prints("top --count 1 --interval 100ms").then((text) => expect(text).toMatch(/ q added=.* workers=0/)),
    json("shard ls q").then((shards) => expect(shards).toHaveLength(16)),
    json("worker ls").then((workers) => expect(workers).toEqual([])),
    json("scheduler ls q").then((schedulers) => expect(schedulers).toEqual([])),
    // Nobody serves the queue yet.
    ends(3, "doctor q --json").then((text) =>
      expect(documented(JSON.parse(text))).toMatchObject({ healthy: false }),
    ),
  ]);
  await eventually(async () => {
    const ready = { ...look, delayed: 40, ready: 52 };
    expect(await json("queue show q")).toMatchObject(ready);
    expect(await json("queue ls")).toMatchObject([ready]);
  });

  // Changed, and away and back
  expect(await json("queue pause q")).toEqual({ queue: "q", paused: true });
  await Promise.all([
    json("task reschedule q l-1 --in 2h").then((did) =>
      expect(did).toMatchObject({ outcome: "rescheduled" }),
    ),
    json("task run-now q l-2").then((did) => expect(did).toMatchObject({ outcome: "due" })),
    json("task update q l-3 {}").then((did) => expect(did).toMatchObject({ outcome: "updated" })),
    json("task cancel q l-4").then((did) => expect(did).toEqual({ cancelled: 1 })),
  ]);
  const due = await json("task cancel q --id-prefix l-3 --due-after now --yes");
  expect(due).toEqual({ cancelled: 11 });
  const backup = file("backup.ndjson", await prints("export q"));
  const restored = { restored: 80, existed: 0, skipped: 0, paused: true };
  expect(await json(`import copy ${backup} --restore --shards 7`)).toMatchObject(restored);
  expect(await json("stats copy")).toMatchObject({ delayed: 27, ready: 53, paused: true });
  expect(await json("queue resume q")).toEqual({ queue: "q", paused: false });

  // Run
  const handler = file(
    "h.mjs",
    "export default ({ name }) => { if (name === 'bad') throw new Error('no'); };",
  );
  const starts = (line: string) => {
    const args = line.split(" ");
    note(args);
    return start([...args, ...flags]);
  };
  const running = [
    starts("scheduler run --queue q"),
    starts(`worker run --queue q --handler ${handler} --no-scheduler`),
  ];
  const untilDead = async (counters: object): Promise<void> => {
    await eventually(async () => expect(await json("stats q")).toMatchObject({ dead: 50, counters }), 25_000);
  };
  await untilDead({ completed: 3, retried: 100, dead: 50 });
  await eventually(async () => {
    expect(await json("worker ls q")).toMatchObject([{ queues: ["q"] }]);
    expect(await json("scheduler ls")).toMatchObject([{ queues: ["q"], isStandby: false }]);
  });
  expect(await lines("dead ls q")).toHaveLength(50);
  expect(await json("dead show q b-7")).toMatchObject({ state: "dead", error: { message: "no" } });
  expect(await json("dead requeue q --all")).toEqual({ requeued: 50 });
  await untilDead({ requeued: 50, dead: 100 });
  for (const { child } of running) child.kill("SIGTERM");
  expect(await Promise.all(running.map(async ({ ended }) => await ended))).toEqual([0, 0]);
  expect(JSON.stringify(running.map(({ logs, stdout }) => [logs, stdout]))).not.toContain(password);

  // Gone
  expect(await json("dead purge q --all --yes")).toEqual({ purged: 50 });
  expect(await json("queue drain q --yes")).toEqual({ cancelled: 27 });
  const words = ["complete", "--", "queue", "show", "--prefix", prefix, ...flags, ""];
  expect(await json("queue obliterate copy --yes")).toEqual({ queue: "copy", removed: 80 });
  note(["completion"]);
  expect((await runCli(["completion", "bash"])).stdout).toContain("complete");
  // What a script of completion asks; it gets no names if Redis does not give them at once.
  await eventually(async () => expect((await runCli(words, { env })).stdout).toBe("q\tqueue\n:4\n"));
  await ends(4, "queue show copy");
  expect([...unused]).toEqual([]);
}
