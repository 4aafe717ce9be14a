import { inject, onTestFinished, expect, test } from "vitest";
import type { Queue } from "../../src/index.ts";
import type { ExportedTask } from "../../src/queue/export-format.ts";
import { Restorer } from "../../src/queue/restorer.ts";
import { Connection } from "../../src/store/connection.ts";
import { QueueStore } from "../../src/store/queue-store.ts";
import { setup as setupEngine } from "../support/fixture.ts";

const HEADER = { paused: false, shards: 2, defaults: {} };

function setup() {
  const { prefix, queue } = setupEngine();
  const tasks = queue({ shards: 2 });
  const connection = Connection.acquire(inject("redisUrl"));
  onTestFinished(() => connection.release());
  const restorer = (): Restorer =>
    new Restorer(tasks, new QueueStore(connection, { prefix, queue: "q" }), undefined);
  const isPaused = async (): Promise<boolean> => (await tasks.counts()).paused;
  return { tasks, restorer, isPaused };
}

const restore = async (restorer: Restorer, ...ids: string[]): Promise<void> => {
  for (const id of ids) await restorer.push(restorer.encode(taskOf(id)));
  await restorer.finish();
};

const taskOf = (id: string): ExportedTask => ({
  id,
  name: "n",
  data: 0,
  state: "delayed",
  priority: 0,
  addedAtMs: 1_700_000_000_000,
  firstDueAtMs: 4_000_000_000_000,
  dueAtMs: 4_000_000_000_000,
  attemptsUsed: 0,
  deaths: 0,
  profile: 0,
  options: {},
});

test("resumes what it has paused, when all is there", async () => {
  const { tasks, restorer, isPaused } = setup();
  const one = restorer();
  await one.begin(HEADER);
  expect(await isPaused()).toBe(true);
  await restore(one, "a", "b");
  expect(await one.end()).toBe(true);
  expect(await tasks.counts()).toMatchObject({ delayed: 2, paused: false });
});

test.each<[string, (queue: Queue) => Promise<void>]>([
  ["pauses", async (queue) => await queue.pause()],
  [
    "resumes and pauses",
    async (queue) => {
      await queue.resume();
      await queue.pause();
    },
  ],
])("leaves the queue paused to somebody who %s it while it is restored", async (_, change) => {
  const { tasks, restorer, isPaused } = setup();
  const one = restorer();
  await one.begin(HEADER);
  await restore(one, "a");
  await change(tasks);
  await restore(one, "b");
  expect(await one.end()).toBe(false);
  expect(await isPaused()).toBe(true);
  // It is theirs for the next restore, too.
  const next = restorer();
  await next.begin(HEADER);
  await restore(next, "a", "b", "c");
  expect(await next.end()).toBe(false);
  expect(await tasks.counts()).toMatchObject({ delayed: 3, paused: true });
});

test("does not let the queue go on while a later restore is half-way", async () => {
  const { restorer, isPaused } = setup();
  const [earlier, later] = [restorer(), restorer()];
  await earlier.begin(HEADER);
  await restore(earlier, "a");
  await later.begin(HEADER);
  await restore(later, "b");
  expect(await earlier.end()).toBe(false);
  expect(await isPaused()).toBe(true);
  await restore(later, "c");
  expect(await later.end()).toBe(true);
  expect(await isPaused()).toBe(false);
});
