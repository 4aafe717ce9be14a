import { EventEmitter } from "node:events";
import type { Cluster } from "ioredis";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SLOTS_IN_DOUBT, calmRefresh } from "../../src/store/calm-refresh.ts";
import { StalledCalls } from "../../src/store/stalled-calls.ts";
import { ScriptCommand, ScriptHead } from "../../src/store/wire.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("a map of the slots that is asked for again and again is fetched at once a few times, then with pauses", () => {
  const refresh = vi.fn<(callback: () => void) => void>((callback) => callback());
  const cluster = calmRefresh(
    Object.assign(new EventEmitter(), { refreshSlotsCache: refresh }) as unknown as Cluster,
  );
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
  expect([answers, doubts]).toEqual([6006, 6006]);
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
