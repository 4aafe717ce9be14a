import { setTimeout as sleep } from "node:timers/promises";
import { expect, inject, test } from "vitest";
import { setupRedisProcess } from "../dev/setup.ts";
import { eventually, setup } from "../support/fixture.ts";
import { look } from "../support/members.ts";
import { startRole, type RoleProcess } from "../support/role-process.ts";

const SHARDS = 16;
const HOUR_MS = 3_600_000;

/** A queue with so many schedulers, each a process of its own. */
async function setupSchedulers(count: number) {
  const { prefix, queue, worker } = setup();
  const producer = queue({ shards: SHARDS });
  await producer.add("later", null, { delay: HOUR_MS });
  const options = { connection: inject("redisUrl"), prefix };
  const roles = await Promise.all(
    Array.from({ length: count }, async () => await startRole({ role: "scheduler", options })),
  );
  const redis = look(inject("redisUrl"), prefix);
  /** Resolves with the processes of the two that own all shards, once the others stand by. */
  const active = async (live = count): Promise<RoleProcess[]> =>
    await eventually(async () => {
      const members = await redis.schedulers();
      expect(members).toHaveLength(live);
      const ids = members.filter(({ isStandby }) => isStandby !== true).map(({ id }) => id);
      expect(ids.toSorted()).toEqual([...new Set(await redis.owners())].toSorted());
      expect(ids).toHaveLength(2);
      const pids = members.filter(({ id }) => ids.includes(id)).map(({ pid }) => pid);
      return roles.filter(({ child }) => pids.includes(child.pid ?? 0));
    });
  /** Resolves when no shard is owned by any of these processes' schedulers, nor by nobody. */
  const handedOver = async (lost: readonly string[]): Promise<void> =>
    await eventually(async () => {
      const owners = await redis.owners();
      expect(owners.filter((owner) => owner === "" || lost.includes(owner))).toEqual([]);
    }, 20_000);
  return { producer, worker, redis, active, handedOver };
}

const killedAt = async (roles: readonly RoleProcess[]): Promise<number> => {
  const nowMs = performance.now();
  await Promise.all(roles.map(async (role) => await role.signal("SIGKILL")));
  return nowMs;
};

test("of four schedulers two share the shards; when one of them is killed, tasks go on within 4 s", async () => {
  const { producer, worker, redis, active, handedOver } = await setupSchedulers(4);
  const starts: number[] = [];
  worker(() => void starts.push(performance.now()), { scheduler: false, slowPollMs: 600_000 });
  await producer.add("warm", null);
  await eventually(() => expect(starts).toHaveLength(1));
  const [doomed] = await active();
  const lost = (await redis.schedulers()).filter(({ pid }) => pid === doomed?.child.pid).map(({ id }) => id);
  expect(lost).toHaveLength(1);
  const killedMs = await killedAt([doomed as RoleProcess]);
  await producer.addBulk(
    Array.from({ length: 60 }, (_, data) => ({ name: "a", data, opts: { delay: 200 } })),
  );
  await eventually(() => expect(starts).toHaveLength(61));
  expect(Math.max(...starts) - killedMs).toBeLessThanOrEqual(4000);
  await handedOver(lost);
  await active(3);
});

test("when both active schedulers are killed at once, those that stood by have their shards within 8 s", async () => {
  const { redis, active, handedOver } = await setupSchedulers(4);
  const doomed = await active();
  const pids = doomed.map(({ child }) => child.pid);
  const lost = (await redis.schedulers()).filter(({ pid }) => pids.includes(pid)).map(({ id }) => id);
  const killedMs = await killedAt(doomed);
  await handedOver(lost);
  expect(performance.now() - killedMs).toBeLessThanOrEqual(8000);
  await active(2);
});

test("when an active scheduler is stopped, one that stood by is active at once", async () => {
  const { active } = await setupSchedulers(3);
  const [leaver] = await active();
  await leaver?.signal("SIGTERM");
  const stoppedMs = performance.now();
  await active(2);
  expect(performance.now() - stoppedMs).toBeLessThan(2500);
});

test("schedulers that stand by cost a call in five seconds each", async () => {
  const server = await setupRedisProcess();
  await server.start();
  const { prefix, queue, scheduler } = setup(server.url);
  await queue({ shards: 1 }).add("later", null, { delay: HOUR_MS });
  const redis = look(server.url, prefix);
  const schedulers = Array.from({ length: 12 }, () => scheduler());
  await eventually(async () => {
    const members = await redis.schedulers();
    expect(members).toHaveLength(schedulers.length);
    expect(members.filter(({ isStandby }) => isStandby !== true)).toHaveLength(2);
  });
  await sleep(1500);
  const before = await redis.scriptCalls();
  await sleep(5000);
  // Two that are active beat five times each, ten that stand by once; were all active it would be more than sixty.
  expect((await redis.scriptCalls()) - before).toBeLessThan(40);
});
