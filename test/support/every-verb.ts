import { expect } from "vitest";
import { UnrecoverableError, type Queue, type Task } from "../../src/index.ts";
import { eventually, type setup } from "./fixture.ts";

async function all(tasks: AsyncIterable<Task>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of tasks) ids.push(id);
  return ids;
}

/** Each verb once at least, on enough tasks to meet every shard. */
export async function useEveryVerb(queue: Queue, engine: ReturnType<typeof setup>): Promise<void> {
  const ids = Array.from({ length: 64 }, (_, i) => `task-${i}`);
  const later = { delay: 3_600_000 };
  expect(await queue.add("a", 1, { id: "one", ...later })).toMatchObject({ existed: false });
  expect(await queue.add("a", 2, { id: "one" })).toMatchObject({ existed: true, data: 1 });
  await queue.addBulk(ids.map((id, i) => ({ name: "a", data: i, opts: { id, priority: i % 10, ...later } })));
  expect(await queue.get("task-3")).toMatchObject({ data: 3, state: "delayed" });
  expect(await all(queue.list("delayed"))).toHaveLength(65);
  const each = async (verb: (id: string) => Promise<unknown>): Promise<Set<unknown>> =>
    new Set(await Promise.all(ids.map(verb)));
  expect(await each(async (id) => await queue.reschedule(id, { delay: 7_200_000 }))).toEqual(
    new Set(["rescheduled"]),
  );
  expect(await each(async (id) => await queue.update(id, { new: id }))).toEqual(new Set(["updated"]));
  await queue.pause();
  expect(await queue.counts()).toMatchObject({ delayed: 65, paused: true });
  expect(await each(async (id) => await queue.runNow(id))).toEqual(new Set(["due"]));
  expect(await all(queue.list("ready"))).toHaveLength(64);
  expect(await queue.cancel("one")).toBe("cancelled");

  const runs = new Map<string, number>();
  const worker = engine.worker({
    a: ({ id }) => {
      const run = (runs.get(id) ?? 0) + 1;
      runs.set(id, run);
      if (run === 1) throw new UnrecoverableError("not this time");
      return run;
    },
  });
  await queue.resume();
  await eventually(async () => expect(await queue.counts()).toMatchObject({ dead: 64 }));
  expect(await queue.requeue("task-0")).toBe("requeued");
  expect(await queue.purge("task-1")).toBe("purged");
  expect(await queue.purge({ name: "b" })).toEqual({});
  expect(await queue.requeue({ name: "a" })).toEqual({ requeued: 62 });
  await eventually(async () => expect((await queue.stats()).counters).toMatchObject({ completed: 63 }));
  await queue.add("a", 0, {
    id: "one",
    keepResultMs: 60_000,
    attempts: 2,
    backoff: { type: "fixed", delay: 1 },
  });
  await eventually(async () => expect(await queue.get("one")).toMatchObject({ state: "dead" }));
  await queue.requeue(["one"]);
  await eventually(async () => expect(await queue.get("one")).toMatchObject({ state: "done", result: 2 }));
  expect(await all(queue.list("done"))).toEqual(["one"]);
  await worker.close();
  await queue.obliterate();
  expect(await queue.counts()).toMatchObject({ delayed: 0, ready: 0, leased: 0, dead: 0, done: 0 });
}
