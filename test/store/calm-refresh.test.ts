import { EventEmitter } from "node:events";
import type { Cluster } from "ioredis";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SLOTS_IN_DOUBT, calmRefresh } from "../../src/store/calm-refresh.ts";
import { StalledCalls } from "../../src/store/stalled-calls.ts";
import { ScriptCommand, ScriptHead } from "../../src/store/wire.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setup() {
  const refresh = vi.fn<(callback: () => void) => void>((callback) => callback());
  const slots: string[][] = [];
  const fake = Object.assign(new EventEmitter(), { refreshSlotsCache: refresh, slots });
  return { refresh, cluster: calmRefresh(fake as unknown as Cluster) };
}

test("a map of the slots that is asked for again and again is fetched at once a few times, then with pauses", () => {
  const { refresh, cluster } = setup();
  let answers = 0;
  let doubts = 0;
  cluster.on(SLOTS_IN_DOUBT, () => doubts++);
  const askFor = (ms: number): void => {
    for (let i = 0; i < ms / 10; i++) {
      cluster.refreshSlotsCache(() => answers++);
      vi.advanceTimersByTime(10);
    }
  };
  askFor(60);
  expect(refresh).toHaveBeenCalledTimes(6);
  askFor(60_000);
  expect(refresh.mock.calls.length).toBeGreaterThan(190);
  expect(refresh.mock.calls.length).toBeLessThan(220);
  vi.advanceTimersByTime(1000);
  expect([answers, doubts]).toEqual([6006, refresh.mock.calls.length]);
});

test("whoever waits when the client ends is told, and nothing is asked any more", () => {
  const { refresh, cluster } = setup();
  for (let i = 0; i < 10; i++) cluster.refreshSlotsCache();
  const onAnswer = vi.fn<(error?: Error | null) => void>();
  cluster.refreshSlotsCache(onAnswer);
  expect(vi.getTimerCount()).toBe(1);
  cluster.emit("end");
  expect(onAnswer).toHaveBeenCalledWith(expect.any(Error));
  expect(vi.getTimerCount()).toBe(0);
  expect(refresh).toHaveBeenCalledTimes(10);
});

test("a slot that has moved takes no other along", () => {
  const { cluster } = setup();
  const row = ["a:1", "b:1"];
  cluster.slots = [row, row];
  cluster.slots[3] = row; // nobody has 2
  cluster.emit("refresh");
  (cluster.slots[0] ?? [])[0] = "c:1"; // as ioredis does
  expect(cluster.slots).toEqual([["c:1", "b:1"], ["a:1", "b:1"], undefined, ["a:1", "b:1"]]);
  expect(2 in cluster.slots).toBe(false);
});

test("of calls that are not answered it is told once a second", async () => {
  const onStalled = vi.fn<() => void>();
  const calls = new StalledCalls(onStalled);
  let answer!: () => void;
  const waits = new Promise<void>((resolve) => (answer = resolve));
  calls.watch(Promise.resolve());
  calls.watch(waits);
  await vi.advanceTimersByTimeAsync(999);
  expect(onStalled).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(2002);
  expect(onStalled).toHaveBeenCalledTimes(3);
  answer();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(onStalled).toHaveBeenCalledTimes(3);
});

test("a call that stalls is told though all before and after it were answered", async () => {
  const onStalled = vi.fn<() => void>();
  const calls = new StalledCalls(onStalled);
  calls.watch(Promise.reject(new Error("refused")));
  await vi.advanceTimersByTimeAsync(500);
  let answer!: () => void;
  calls.watch(new Promise<void>((resolve) => (answer = resolve)));
  await vi.advanceTimersByTimeAsync(400);
  calls.watch(Promise.resolve());
  await vi.advanceTimersByTimeAsync(590);
  expect(onStalled).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(20);
  expect(onStalled).toHaveBeenCalledTimes(1);
  answer();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(onStalled).toHaveBeenCalledTimes(1);
});

test("a call that was given up before it could be sent is not done later", () => {
  const oneTry = { isOver: false, isWritten: false };
  const head = new ScriptHead("evalsha", "sha1", ["k"]);
  const command = new ScriptCommand(head, [], [], false, oneTry);
  command.promise.catch(() => {}); // never answered
  expect(String(command.toWritable())).toContain("sha1");
  expect(oneTry.isWritten).toBe(true);
  oneTry.isOver = true;
  expect(String(command.toWritable())).toBe("*1\r\n$4\r\nPING\r\n");
});
