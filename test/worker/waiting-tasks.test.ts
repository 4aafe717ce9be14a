import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { HeldTask } from "../../src/worker/held-task.ts";
import { WaitingTasks } from "../../src/worker/waiting-tasks.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const held = (id: string): HeldTask => ({ id }) as HeldTask;

function setup() {
  const givenBack: string[] = [];
  const onLate = vi.fn<() => void>();
  return { givenBack, onLate, waiting: new WaitingTasks(({ id }) => void givenBack.push(id), onLate) };
}

test("hands them on in the order in which they came", () => {
  const { waiting, givenBack } = setup();
  waiting.push(held("a"), 1);
  waiting.push(held("b"), 2);
  expect(waiting.count).toBe(2);
  expect(waiting.shift()).toMatchObject({ held: { id: "a" }, triedMs: 1 });
  expect(waiting.shift()).toMatchObject({ held: { id: "b" }, triedMs: 2 });
  expect(waiting.shift()).toBeUndefined();
  vi.advanceTimersByTime(1000);
  expect(givenBack).toEqual([]);
});

test("gives back each that has waited for 50 ms, and keeps those that came later", () => {
  const { waiting, givenBack, onLate } = setup();
  waiting.push(held("a"), 0);
  vi.advanceTimersByTime(30);
  waiting.push(held("b"), 0);
  vi.advanceTimersByTime(25);
  expect(givenBack).toEqual(["a"]);
  expect(waiting.count).toBe(1);
  vi.advanceTimersByTime(30);
  expect(givenBack).toEqual(["a", "b"]);
  expect(onLate).toHaveBeenCalledTimes(2);
});

test("goes on giving back when it was empty meanwhile", () => {
  const { waiting, givenBack } = setup();
  waiting.push(held("a"), 0);
  waiting.shift();
  vi.advanceTimersByTime(40);
  waiting.push(held("b"), 0);
  vi.advanceTimersByTime(40);
  expect(givenBack).toEqual([]);
  vi.advanceTimersByTime(20);
  expect(givenBack).toEqual(["b"]);
});

test("gives all of them back at once when it is cleared", () => {
  const { waiting, givenBack, onLate } = setup();
  waiting.push(held("a"), 0);
  waiting.push(held("b"), 0);
  waiting.clear();
  expect(givenBack).toEqual(["a", "b"]);
  expect(onLate).not.toHaveBeenCalled();
  expect(vi.getTimerCount()).toBe(0);
});
