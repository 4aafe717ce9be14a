import type { RedisNode } from "./redis-node.ts";

/*
 * Moves slots from one master to another while they are in use, step by step as the Redis documentation gives them:
 *
 *   to: IMPORTING, from: MIGRATING -> from: MIGRATE its keys until none is left -> to, from, all others: NODE
 *
 * In between the old master sends those who ask for keys that it has not any more to the new one, and answers a command that
 * needs keys of both with TRYAGAIN. The new master is told first: if the old one were, and died, nobody would have the slot.
 */

export interface SlotMigration {
  readonly slots: readonly number[];
  readonly from: RedisNode;
  readonly to: RedisNode;
  /** All that hold slots; they are told at once and not by gossip. */
  readonly masters: readonly RedisNode[];
  readonly password: string | undefined;
}

const KEYS_PER_CALL = 100;
const MIGRATE_TIMEOUT_MS = 5000;
const SLOTS_AT_ONCE = 256;

export async function migrateSlots(migration: SlotMigration): Promise<void> {
  const { slots, from, to } = migration;
  const [fromId, toId] = await Promise.all(
    [from, to].map(async (node) => String(await node.call("CLUSTER", "MYID"))),
  );
  const counts = await inPieces(slots, async (slot) =>
    Number(await from.call("CLUSTER", "COUNTKEYSINSLOT", slot)),
  );
  const ids = { fromId: fromId as string, toId: toId as string };
  // Those that hold something one by one, so that what is asked of them waits as short as can be.
  for (const [i, slot] of slots.entries()) if (counts[i] !== 0) await migrateSlot(slot, migration, ids);
  await inPieces(
    slots.filter((_, i) => counts[i] === 0),
    (slot) => migrateSlot(slot, migration, ids),
  );
}

async function migrateSlot(
  slot: number,
  { from, to, masters, password }: SlotMigration,
  { fromId, toId }: { fromId: string; toId: string },
): Promise<void> {
  await to.call("CLUSTER", "SETSLOT", slot, "IMPORTING", fromId);
  await from.call("CLUSTER", "SETSLOT", slot, "MIGRATING", toId);
  const auth = password === undefined ? [] : ["AUTH", password];
  for (;;) {
    const keys = (await from.call("CLUSTER", "GETKEYSINSLOT", slot, KEYS_PER_CALL)) as string[];
    if (keys.length === 0) break;
    await from.call("MIGRATE", "127.0.0.1", to.port, "", 0, MIGRATE_TIMEOUT_MS, ...auth, "KEYS", ...keys);
  }
  const others = masters.filter((node) => node !== from && node !== to);
  for (const node of [to, from, ...others]) await node.call("CLUSTER", "SETSLOT", slot, "NODE", toId);
}

/** Many at once, but not all: each is some commands. */
async function inPieces<T>(slots: readonly number[], each: (slot: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let at = 0; at < slots.length; at += SLOTS_AT_ONCE)
    results.push(...(await Promise.all(slots.slice(at, at + SLOTS_AT_ONCE).map((slot) => each(slot)))));
  return results;
}
