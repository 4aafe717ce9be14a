import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import type { SentinelSet } from "../../src/dev/sentinel-set.ts";
import { setup } from "../support/fixture.ts";
import { flowing, startLoad } from "../support/load.ts";
import { setupSentinels } from "../support/topologies.ts";

/** Acknowledged just before the master died, a task may not have reached a replica. */
const LOST_MS = 1000;

/** Each role with connections of its own; the worker is given a client and not options. */
function setupRoles(set: SentinelSet) {
  const engine = setup({ ...set.connection });
  const client = new Redis({ ...set.connection, lazyConnect: true });
  onTestFinished(() => {
    client.disconnect();
  });
  const load = startLoad(engine.queue());
  engine.scheduler({ connection: { ...set.connection } });
  engine.worker(load.handler, { scheduler: false, connection: client });
  return load;
}

test("goes on within 5 s when the master is killed under load", async () => {
  const set = await setupSentinels();
  const load = setupRoles(set);
  await flowing(load);
  const master = await set.master();
  const killedMs = performance.now();
  await master.kill();
  const awayMs = await load.firstStartAfter(killedMs);
  console.info(`kill: ${Math.round(awayMs)} ms`);
  expect(awayMs).toBeLessThan(5000);
  await load.drain((ackedMs) => ackedMs > killedMs - LOST_MS && ackedMs <= killedMs);
  expect(load.errors).toEqual([]);
});

test("goes on within 8 s when the master is frozen under load", async () => {
  const set = await setupSentinels();
  const load = setupRoles(set);
  await flowing(load);
  const master = await set.master();
  const frozenMs = performance.now();
  await master.freeze();
  const awayMs = await load.firstStartAfter(frozenMs);
  console.info(`stop: ${Math.round(awayMs)} ms`);
  expect(awayMs).toBeLessThan(8000);
  await master.thaw();
  await load.drain((ackedMs) => ackedMs > frozenMs - LOST_MS && ackedMs <= frozenMs);
  expect(load.errors).toEqual([]);
});
