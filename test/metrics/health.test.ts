import { expect, it, onTestFinished } from "vitest";
import { BlockedTimes } from "../../src/metrics/blocked-times.ts";
import { Health, type HealthLimits } from "../../src/metrics/health.ts";
import { INSIDE, furthestBehind, type HasInside, type RedisLook } from "../../src/runtime/inside.ts";
import { ScriptInstruments } from "../../src/runtime/instruments.ts";
import { Loop } from "../../src/runtime/loop.ts";
import { deferred, eventually, setup } from "../support/fixture.ts";

function watch(limits?: Partial<HealthLimits>) {
  const blocked = new BlockedTimes();
  blocked.start();
  onTestFinished(() => blocked.stop());
  return { health: new Health(blocked, { loopBehindMs: 30_000, redisSilentMs: 12_000, ...limits }) };
}

const role = (loops: readonly Loop[], redis: RedisLook): HasInside => ({
  [INSIDE]: () => ({
    queues: [],
    scripts: new ScriptInstruments(),
    loops: loops.map((loop, i) => furthestBehind(`loop ${i}`, [loop])),
    redis,
  }),
});

const WELL: RedisLook = { isConnected: true, answeredMsAgo: 5 };

it("finds a worker with its scheduler, and a scheduler, alive and ready", async () => {
  const { worker, scheduler, queue } = setup();
  await queue().add("a", 1);
  const { health } = watch();
  expect(health.ready()).toMatchObject({ ok: false, checks: { process: { ok: false, state: "starting" } } });
  expect(health.live()).toMatchObject({ ok: true });
  health.serving(
    worker(() => 1),
    scheduler(),
  );
  await eventually(() => expect(health.ready()).toMatchObject({ ok: true, checks: { redis: { ok: true } } }));
  const { ok, checks } = health.live();
  expect(ok).toBe(true);
  expect(Object.keys(checks["loops"]?.["behindMs"] as object)).toEqual([
    "worker heartbeat",
    "worker queue watch",
    "worker leases",
    "worker claims",
    "scheduler heartbeat",
    "scheduler queue watch",
    "scheduler shards",
  ]);
  health.stopping();
  expect(health.ready()).toMatchObject({
    ok: false,
    checks: { process: { reason: "the process is stopping" } },
  });
  expect(health.live()).toMatchObject({ ok: true });
});

it("says which loop does not turn any more", async () => {
  const never = deferred<number>();
  const wedged = new Loop(
    async () => await never.promise,
    () => {},
  );
  const well = new Loop(
    async () => await Promise.resolve(1),
    () => {},
  );
  wedged.start();
  well.start();
  onTestFinished(async () => {
    never.resolve(0);
    await Promise.all([wedged.stop(), well.stop()]);
  });
  const { health } = watch({ loopBehindMs: 500 });
  health.serving(role([well, wedged], WELL));
  expect(health.live().ok).toBe(true);
  await eventually(() => expect(health.live().ok).toBe(false));
  expect(health.live().checks["loops"]?.reason).toMatch(/^the loop of loop 1 has not turned for \d+ ms$/);
});

it.each([
  [{ isConnected: false, answeredMsAgo: 5 }, "there is no connection to Redis"],
  [{ isConnected: true, answeredMsAgo: 12_500 }, "Redis has not answered for 12500 ms"],
  [{ isConnected: true, answeredMsAgo: undefined }, "Redis has not answered"],
])("is not ready, but alive, while Redis is %o", (look, reason) => {
  const { health } = watch();
  health.serving(role([], WELL), role([], look));
  expect(health.ready()).toMatchObject({ ok: false, checks: { redis: { ok: false, reason } } });
  expect(health.live()).toMatchObject({ ok: true });
});

it("tells for how long the event loop was blocked", async () => {
  const { health } = watch();
  await eventually(() => {
    const untilMs = performance.now() + 400;
    while (performance.now() < untilMs);
    expect(Number(health.live().checks["eventLoop"]?.["longestBlockedMs"])).toBeGreaterThan(300);
  });
});
