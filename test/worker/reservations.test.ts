import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Reservations } from "../../src/worker/reservations.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setup(keepMs = 500) {
  const onOverdue = vi.fn<() => void>();
  return { onOverdue, reservations: new Reservations(keepMs, onOverdue) };
}

test("slots are kept until the claim has ended", () => {
  const { reservations, onOverdue } = setup();
  const one = reservations.keep(3);
  const other = reservations.keep(2);
  expect([reservations.slots, reservations.keeping]).toEqual([5, 2]);
  expect(one.answered()).toBe(true);
  vi.advanceTimersByTime(400);
  other.end();
  other.end();
  expect([reservations.slots, reservations.keeping]).toEqual([3, 1]);
  vi.advanceTimersByTime(60_000);
  one.end();
  expect([reservations.slots, reservations.keeping]).toEqual([0, 0]);
  expect(onOverdue).not.toHaveBeenCalled();
});

test("a claim that is not answered gives its slots up, and its answer finds none", () => {
  const { reservations, onOverdue } = setup();
  const one = reservations.keep(3);
  vi.advanceTimersByTime(500);
  expect(onOverdue).toHaveBeenCalledOnce();
  expect([reservations.slots, reservations.keeping]).toEqual([0, 0]);
  expect(one.answered()).toBe(false);
  one.end();
  expect([reservations.slots, reservations.keeping]).toEqual([0, 0]);
});

test("while one is overdue the next are given up sooner, and no longer than that", () => {
  const { reservations, onOverdue } = setup();
  const one = reservations.keep(3);
  vi.advanceTimersByTime(500);
  reservations.keep(3);
  vi.advanceTimersByTime(50);
  expect(onOverdue).toHaveBeenCalledTimes(2);
  const third = reservations.keep(1);
  third.end();
  one.end();
  expect(reservations.slots).toBe(0);
});

test("where nothing else could be claimed from, slots are kept for as long as it takes", () => {
  const { reservations, onOverdue } = setup(Number.POSITIVE_INFINITY);
  reservations.keep(3);
  vi.advanceTimersByTime(3_600_000);
  expect(reservations.slots).toBe(3);
  expect(onOverdue).not.toHaveBeenCalled();
});
