import { describe, expect, test } from "vitest";
import { KEPT_DEFAULTS } from "../../src/core/options.ts";
import type { Task } from "../../src/core/task.ts";
import type { ShardKeys } from "../../src/store/keys.ts";
import { HeldTask } from "../../src/worker/held-task.ts";
import { HeldTasks } from "../../src/worker/held-tasks.ts";

const held = (id: string): HeldTask => new HeldTask({} as ShardKeys, { id } as Task, KEPT_DEFAULTS, "1", 0);
const idsOf = (tasks: HeldTasks): string[] => tasks.all().map(({ id }) => id);

describe("held tasks", () => {
  test("leave from any place", () => {
    const [a, b, c, d] = [held("a"), held("b"), held("c"), held("d")];
    const tasks = new HeldTasks("runSeat");
    for (const one of [a, b, c, d]) tasks.add(one);
    tasks.delete(b);
    expect(idsOf(tasks).toSorted()).toEqual(["a", "c", "d"]);
    tasks.delete(d);
    tasks.delete(a);
    expect(idsOf(tasks)).toEqual(["c"]);
    tasks.delete(c);
    expect(tasks.size).toBe(0);
  });

  test("come once, and leave once", () => {
    const [a, b] = [held("a"), held("b")];
    const tasks = new HeldTasks("runSeat");
    tasks.add(a);
    tasks.add(a);
    tasks.add(b);
    tasks.delete(a);
    tasks.delete(a);
    tasks.delete(held("c"));
    expect(idsOf(tasks)).toEqual(["b"]);
    tasks.add(a);
    expect(tasks.has(a)).toBe(true);
    expect(tasks.size).toBe(2);
  });

  test("may be in two lists", () => {
    const [a, b] = [held("a"), held("b")];
    const [leased, running] = [new HeldTasks("leaseSeat"), new HeldTasks("runSeat")];
    for (const one of [a, b]) leased.add(one);
    running.add(b);
    leased.delete(a);
    expect(idsOf(leased)).toEqual(["b"]);
    expect(idsOf(running)).toEqual(["b"]);
  });

  test("may leave while they are gone through", () => {
    const all = ["a", "b", "c"].map(held);
    const tasks = new HeldTasks("leaseSeat");
    for (const one of all) tasks.add(one);
    const seen: string[] = [];
    for (const one of tasks.all()) {
      seen.push(one.id);
      tasks.delete(one);
    }
    expect(seen).toEqual(["a", "b", "c"]);
    expect(tasks.size).toBe(0);
  });

  test("are those that a Set would have, whatever comes and goes", () => {
    const all = Array.from({ length: 30 }, (_, i) => held(String(i)));
    const tasks = new HeldTasks("leaseSeat");
    const expected = new Set<HeldTask>();
    for (let step = 0; step < 5000; step++) {
      const one = all[(step * step * 31 + step * 7) % 29] as HeldTask;
      const adds = (step * 13) % 7 < 4;
      tasks[adds ? "add" : "delete"](one);
      expected[adds ? "add" : "delete"](one);
      expect(tasks.size).toBe(expected.size);
      expect(tasks.has(one)).toBe(adds);
    }
    expect(new Set(tasks.all())).toEqual(expected);
  });
});
