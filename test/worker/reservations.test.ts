import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Reservations, type Reservation } from "../../src/worker/reservations.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setup(keepMs = 500) {
  const onOverdue = vi.fn<() => void>();
  const reservations = new Reservations(keepMs);
  const keep = (count: number, isDoubted = false): Reservation =>
    reservations.keep(count, isDoubted, onOverdue);
  return { onOverdue, reservations, keep };
}

test("slots are kept until the claim has ended", () => {
  const { reservations, keep, onOverdue } = setup();
  const one = keep(3);
  const other = keep(2);
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
  const { reservations, keep, onOverdue } = setup();
  const one = keep(3);
  vi.advanceTimersByTime(500);
  expect(onOverdue).toHaveBeenCalledOnce();
  expect([reservations.slots, reservations.keeping]).toEqual([0, 0]);
  expect(one.answered()).toBe(false);
  one.end();
  expect([reservations.slots, reservations.keeping]).toEqual([0, 0]);
});

test("those of a shard in doubt are given up sooner, and that makes no answer late", () => {
  const { reservations, keep, onOverdue } = setup();
  const one = keep(3);
  vi.advanceTimersByTime(500);
  const other = keep(3);
  const doubted = keep(2, true);
  vi.advanceTimersByTime(50);
  expect(onOverdue).toHaveBeenCalledTimes(2);
  expect([reservations.slots, reservations.keeping]).toEqual([3, 1]);
  expect([doubted.answered(), other.answered(), one.answered()]).toEqual([true, true, false]);
});

test("slots are kept for a few times what answers take, but one that is late proves nothing", () => {
  const { reservations, keep, onOverdue } = setup();
  const answerIn = (ms: number): boolean => {
    const one = keep(1);
    vi.advanceTimersByTime(ms);
    const isInTime = one.answered();
    one.end();
    return isInTime;
  };
  expect(answerIn(600)).toBe(false);
  for (let i = 0; i < 10; i++) answerIn(5);
  expect(answerIn(600)).toBe(false);
  for (let i = 0; i < 10; i++) answerIn(600);
  onOverdue.mockClear();
  expect(answerIn(600)).toBe(true);
  expect(onOverdue).not.toHaveBeenCalled();
  for (let i = 0; i < 10; i++) answerIn(60_000);
  keep(1);
  vi.advanceTimersByTime(3000);
  expect(reservations.slots).toBe(0);
});

test("where nothing else could be claimed from, slots are kept for as long as it takes", () => {
  const { reservations, keep, onOverdue } = setup(Number.POSITIVE_INFINITY);
  keep(3);
  vi.advanceTimersByTime(3_600_000);
  expect(reservations.slots).toBe(3);
  expect(onOverdue).not.toHaveBeenCalled();
});
