import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { OUT_OF_TIME, before } from "../../src/store/out-of-time.ts";

const FAKED = ["setTimeout", "clearTimeout", "performance"] as const;

beforeEach(() => void vi.useFakeTimers({ toFake: [...FAKED] }));
afterEach(() => {
  vi.advanceTimersByTime(60_000); // nothing of one test is left for the next
  vi.useRealTimers();
});

const never = new Promise<never>(() => {});
const in_ = (ms: number): number => performance.now() + ms;

/** What became of a promise, once it is known. */
function fateOf(promise: Promise<unknown>): { fate: unknown } {
  const seen: { fate: unknown } = { fate: "waiting" };
  promise.then(
    (value) => (seen.fate = value),
    (error: unknown) => (seen.fate = error),
  );
  return seen;
}

test("each gives up at its own deadline, whatever the order in which they began", async () => {
  const late = fateOf(before(in_(300), undefined, never));
  const early = fateOf(before(in_(100), undefined, never));
  const middle = fateOf(before(in_(200), undefined, never));
  await vi.advanceTimersByTimeAsync(99);
  expect([early.fate, middle.fate, late.fate]).toEqual(["waiting", "waiting", "waiting"]);
  await vi.advanceTimersByTimeAsync(1);
  expect([early.fate, middle.fate, late.fate]).toEqual([OUT_OF_TIME, "waiting", "waiting"]);
  await vi.advanceTimersByTimeAsync(100);
  expect([middle.fate, late.fate]).toEqual([OUT_OF_TIME, "waiting"]);
  await vi.advanceTimersByTimeAsync(100);
  expect(late.fate).toBe(OUT_OF_TIME);
});

test("what is answered or fails in time stays so, and what waits behind it is still given up", async () => {
  const answered = fateOf(before(in_(50), undefined, Promise.resolve(7)));
  const failed = fateOf(before(in_(50), undefined, Promise.reject(new Error("no"))));
  const waiting = fateOf(before(in_(100), undefined, never));
  await vi.advanceTimersByTimeAsync(50);
  expect(answered.fate).toBe(7);
  expect(failed.fate).toMatchObject({ message: "no" });
  expect(waiting.fate).toBe("waiting");
  await vi.advanceTimersByTimeAsync(50);
  expect(waiting.fate).toBe(OUT_OF_TIME);
});

test("a signal gives up what it was given with, and nothing else; one that has aborted at once", async () => {
  const stopping = new AbortController();
  const [first, second] = [1, 2].map(() => fateOf(before(Infinity, stopping.signal, never)));
  const other = fateOf(before(in_(1000), new AbortController().signal, never));
  stopping.abort();
  await vi.advanceTimersByTimeAsync(0);
  expect([first?.fate, second?.fate, other.fate]).toEqual([OUT_OF_TIME, OUT_OF_TIME, "waiting"]);
  const next = fateOf(before(in_(1000), stopping.signal, never));
  await vi.advanceTimersByTimeAsync(0);
  expect(next.fate).toBe(OUT_OF_TIME);
});

test("many calls share one timer, and a signal that has heard many has one listener", () => {
  const { signal } = new AbortController();
  const listen = vi.spyOn(signal, "addEventListener");
  for (let i = 0; i < 100; i++) void before(in_(1000), signal, never).catch(() => {});
  expect(vi.getTimerCount()).toBe(1);
  expect(listen).toHaveBeenCalledTimes(1);
});

test("its timer keeps a process alive while something waits, and not longer", async () => {
  const timers: NodeJS.Timeout[] = [];
  const real = globalThis.setTimeout;
  vi.spyOn(globalThis, "setTimeout").mockImplementation((call: () => void, ms?: number) => {
    const timer = real(call, ms);
    timers.push(timer);
    return timer;
  });
  const answers: (() => void)[] = [];
  const wait = async (): Promise<void> =>
    await before(in_(1000), undefined, new Promise<void>((resolve) => answers.push(resolve)));
  const both = [wait(), wait()];
  const isKept = (): boolean => timers.some((timer) => timer.hasRef());
  expect(isKept()).toBe(true);
  answers[0]?.();
  await both[0];
  expect(isKept()).toBe(true);
  answers[1]?.();
  await both[1];
  expect(isKept()).toBe(false);
  void wait().catch(() => {});
  expect(isKept()).toBe(true);
  vi.restoreAllMocks();
});

test("of those that waited in between, the one that took the seat of another is still given up", async () => {
  let answer = (): void => {};
  const first = new Promise<void>((resolve) => (answer = resolve));
  const gone = fateOf(before(in_(100), undefined, first));
  const fates = [1, 2, 3].map(() => fateOf(before(in_(100), undefined, never)));
  answer();
  await vi.advanceTimersByTimeAsync(99);
  expect(gone.fate).toBeUndefined();
  await vi.advanceTimersByTimeAsync(1);
  expect(fates.map(({ fate }) => fate)).toEqual([OUT_OF_TIME, OUT_OF_TIME, OUT_OF_TIME]);
});
