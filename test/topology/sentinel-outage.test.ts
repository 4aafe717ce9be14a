import { Redis } from "ioredis";
import { expect, onTestFinished, test, vi } from "vitest";
import type { SentinelSet } from "../../src/dev/sentinel-set.ts";
import { setup } from "../support/fixture.ts";
import { flowing, startLoad } from "../support/load.ts";
import { setupSentinels } from "../support/topologies.ts";

vi.setConfig({ testTimeout: 90_000 });

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

/** How much longer than the failover itself it may take; in a test, on a busy machine. */
const BEHIND_MAX_MS = 8000;

test.each([
  ["killed", "kill"],
  ["frozen", "freeze"],
] as const)("goes on when the master is %s under load", async (_, fault) => {
  const set = await setupSentinels();
  const load = setupRoles(set);
  await flowing(load);
  const master = await set.master();
  const goneMs = performance.now();
  await master[fault]();
  await set.failedOver(master);
  const failedOverMs = performance.now();
  await load.firstStartAfter(goneMs);
  expect(performance.now() - failedOverMs).toBeLessThan(BEHIND_MAX_MS);
  await master.thaw();
  await load.drain((ackedMs) => ackedMs > goneMs - LOST_MS && ackedMs <= failedOverMs);
  expect(load.errors).toEqual([]);
});
