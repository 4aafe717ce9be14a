import { profileNumber } from "../support/profile-number.ts";
import { describe, expect, test } from "vitest";
import { KEPT_DEFAULTS } from "../../src/core/options.ts";
import { readQueues, readShardCounts, within, type Meta } from "../../src/store/queue-store.ts";
import * as scripts from "../../src/store/scripts.ts";
import { microseconds, NOW, openKeyspace, type Keyspace } from "../support/keyspace.ts";

const GENERATION = microseconds(NOW);
const setup = async (isRegistered = false): Promise<Keyspace> => await openKeyspace({ isRegistered });
const ONE = profileNumber('{"attempts":1}');
const NINE = profileNumber('{"attempts":9}');

const register = async (keyspace: Keyspace, shards: number, profile = '{"attempts":1}') =>
  await keyspace.store.register(shards, profile, within());

describe("register", () => {
  test("makes a queue with the number of shards that its first producer asks for", async () => {
    const keyspace = await setup();
    const { reply, changes } = await keyspace.watch(async () => register(keyspace, 4));
    expect(reply).toEqual({
      word: "REGISTERED",
      profile: ONE,
      shards: 4,
      paused: false,
      generation: GENERATION,
    });
    expect(changes).toEqual({
      meta: {
        format: "1",
        shards: "4",
        paused: "0",
        generation: GENERATION,
        profiles: "1",
        [`profile:${ONE}`]: '{"attempts":1}',
        'number:{"attempts":1}': `${ONE}`,
      },
    });
  });

  test("makes a queue of the usual number of shards for a producer that does not care", async () => {
    const keyspace = await setup();
    expect(await register(keyspace, 0)).toMatchObject({ shards: 4 });
    expect(await register(keyspace, 0)).toMatchObject({ shards: 4 });
  });

  test("sent again, changes nothing and answers as before", async () => {
    const keyspace = await setup();
    const first = await register(keyspace, 4);
    keyspace.advance(10);
    const { reply, changes } = await keyspace.watch(async () => register(keyspace, 4));
    expect(reply).toEqual(first);
    expect(changes).toEqual({});
  });

  test("gives other defaults another number, and the same ones theirs", async () => {
    const keyspace = await setup();
    await register(keyspace, 4);
    const { reply, changes } = await keyspace.watch(async () => register(keyspace, 0, '{"attempts":9}'));
    expect(reply).toMatchObject({ word: "REGISTERED", profile: NINE, shards: 4 });
    expect(changes).toEqual({
      meta: { profiles: "2", [`profile:${NINE}`]: '{"attempts":9}', 'number:{"attempts":9}': `${NINE}` },
    });
    expect(await register(keyspace, 4)).toMatchObject({ profile: ONE });
    expect(await register(keyspace, 4, '{"attempts":9}')).toMatchObject({ profile: NINE });
  });

  test("refuses another number of shards, and changes nothing", async () => {
    const keyspace = await setup();
    await register(keyspace, 4);
    const { reply, changes } = await keyspace.watch(async () => register(keyspace, 5, "{}"));
    expect(reply).toEqual({ word: "SHARDS", shards: 4 });
    expect(changes).toEqual({});
  });

  test("refuses a queue that a newer release wrote, and changes nothing", async () => {
    const keyspace = await setup();
    await register(keyspace, 4);
    await keyspace.redis.hset(keyspace.keys.meta, "format", "2");
    const { reply, changes } = await keyspace.watch(async () => register(keyspace, 4, "{}"));
    expect(reply).toEqual({ word: "NEWER", format: "2" });
    expect(changes).toEqual({});
    await expect(keyspace.store.readMeta()).rejects.toMatchObject({ code: "DELAYQ_NEWER_FORMAT" });
  });

  test("takes the next free number where its own is taken", async () => {
    const keyspace = await setup();
    await keyspace.redis.hset(keyspace.keys.meta, `profile:${ONE}`, "{}");
    expect(await register(keyspace, 4)).toMatchObject({ profile: ONE + 1 });
  });

  test("refuses more profiles than numbers, and changes nothing", async () => {
    const keyspace = await setup();
    await register(keyspace, 4);
    await keyspace.redis.hset(keyspace.keys.meta, "profiles", "10000");
    const { reply, changes } = await keyspace.watch(async () => register(keyspace, 4, "{}"));
    expect(reply).toEqual({ word: "TOO_MANY", count: 10_000 });
    expect(changes).toEqual({});
    expect(await register(keyspace, 4)).toMatchObject({ profile: ONE });
  });
});

const forRestore = async (keyspace: Keyspace, paused: boolean, id: string) =>
  await keyspace.store.setPaused(paused, undefined, id);

describe("set-paused", () => {
  test("pauses and resumes in meta, each under a greater generation", async () => {
    const keyspace = await setup();
    await register(keyspace, 4);
    keyspace.advance(-1000);
    const { reply, changes } = await keyspace.watch(async () => keyspace.store.setPaused(true));
    const next = String(NOW * 1000 + 1);
    expect(reply).toEqual({ word: "SET", generation: next, shards: 4, isOwn: false });
    expect(changes).toEqual({ meta: { paused: "1", generation: next } });
    expect(await register(keyspace, 4)).toMatchObject({ paused: true, generation: next });
    keyspace.advance(1000);
    await keyspace.store.setPaused(false);
    expect(await keyspace.store.readMeta()).toMatchObject({ paused: false, shards: 4 });
  });

  test("sent again, changes nothing but the generation", async () => {
    const keyspace = await setup();
    await register(keyspace, 4);
    await keyspace.store.setPaused(true);
    const { changes } = await keyspace.watch(async () => keyspace.store.setPaused(true));
    expect(changes).toEqual({ meta: { generation: String(NOW * 1000 + 2) } });
  });

  test("notes that it is for a restore, until it is paused or resumed for anything else", async () => {
    const keyspace = await setup();
    await register(keyspace, 4);
    for (const paused of [false, true]) {
      const { reply, changes } = await keyspace.watch(async () => forRestore(keyspace, true, "r1"));
      expect(reply).toMatchObject({ word: "SET", isOwn: true });
      expect(changes).toMatchObject({ meta: { restoring: "r1" } });
      expect(await keyspace.store.setPaused(paused)).toMatchObject({ isOwn: false });
      expect((await keyspace.snapshot())["meta"]).not.toHaveProperty("restoring");
    }
  });

  test("leaves what a restore found paused, or finds paused for anything else, as it is", async () => {
    const keyspace = await setup();
    await register(keyspace, 4);
    await keyspace.store.setPaused(true);
    expect(await forRestore(keyspace, true, "r1")).toMatchObject({ word: "SET", isOwn: false });
    const { reply, changes } = await keyspace.watch(async () => forRestore(keyspace, false, "r1"));
    expect(reply).toEqual({ word: "HELD" });
    expect(changes).toEqual({});
    await keyspace.store.setPaused(false);
    expect(await forRestore(keyspace, true, "r1")).toMatchObject({ isOwn: true });
    await keyspace.store.setPaused(true);
    expect(await forRestore(keyspace, false, "r1")).toEqual({ word: "HELD" });
    expect(await keyspace.store.readMeta()).toMatchObject({ paused: true });
  });

  test("gives a queue that a restore has paused to the next one, which alone resumes it", async () => {
    const keyspace = await setup();
    await register(keyspace, 4);
    for (const id of ["r1", "r1", "r2"])
      expect(await forRestore(keyspace, true, id)).toMatchObject({ word: "SET", isOwn: true });
    expect(await forRestore(keyspace, false, "r1")).toEqual({ word: "HELD" });
    for (let sent = 0; sent < 2; sent++)
      expect(await forRestore(keyspace, false, "r2")).toMatchObject({ word: "SET", isOwn: false });
    const meta = (await keyspace.snapshot())["meta"];
    expect(meta).toMatchObject({ paused: "0" });
    expect(meta).not.toHaveProperty("restoring");
  });

  test("of a queue that is not there leaves nothing behind", async () => {
    const keyspace = await setup();
    expect(await keyspace.store.setPaused(true)).toEqual({ word: "NO_QUEUE" });
    expect(await keyspace.snapshot()).toEqual({});
  });
});

describe("copy-ctl", () => {
  const meta: Meta = {
    shards: 4,
    paused: false,
    generation: "100",
    profiles: new Map([
      [1, "{}"],
      [2, '{"attempts":2}'],
    ]),
  };
  const copy = async (keyspace: Keyspace, { generation, shards, paused, profiles }: Meta) =>
    await keyspace.run(scripts.copyCtl, { generation, shards, paused: paused ? 1 : 0 }, [...profiles].flat());

  test("gives a shard its copy of meta", async () => {
    const keyspace = await setup();
    const { reply, changes } = await keyspace.watch(async () => copy(keyspace, meta));
    expect(reply).toEqual({ word: "COPIED" });
    expect(changes).toEqual({
      ctl: {
        format: "1",
        generation: "100",
        shards: "4",
        paused: "0",
        "profile:1": "{}",
        "profile:2": '{"attempts":2}',
      },
    });
  });

  test("sent again, changes nothing", async () => {
    const keyspace = await setup();
    await copy(keyspace, meta);
    const { reply, changes } = await keyspace.watch(async () => copy(keyspace, meta));
    expect(reply).toEqual({ word: "COPIED" });
    expect(changes).toEqual({});
  });

  test("of an older generation adds its profiles and changes nothing else", async () => {
    const keyspace = await setup();
    await copy(keyspace, { ...meta, generation: microseconds(NOW) });
    const older = {
      ...meta,
      paused: true,
      generation: String(NOW * 1000 - 1),
      profiles: new Map([[3, "{}"]]),
    };
    const { reply, changes } = await keyspace.watch(async () => copy(keyspace, older));
    expect(reply).toEqual({ word: "NEWER", generation: microseconds(NOW) });
    expect(changes).toEqual({ ctl: { "profile:3": "{}" } });
  });

  test("keeps what a shard knows by itself", async () => {
    const keyspace = await setup(true);
    await keyspace.add({ id: "a", priority: 7, delay: 5, payload: JSON.stringify("x".repeat(6000)) });
    await keyspace.pause();
    expect((await keyspace.snapshot())["ctl"]).toMatchObject({ levels: "7", big: "1", paused: "1" });
  });
});

describe("enlist", () => {
  const enlist = async (keyspace: Keyspace, queue: string, shards: number) =>
    await keyspace.run(scripts.enlist, { queue, shards });

  test("puts a queue into the registry, once", async () => {
    const keyspace = await setup();
    const { reply, changes } = await keyspace.watch(async () => enlist(keyspace, "mails", 4));
    expect(reply).toEqual({ word: "ENLISTED" });
    expect(changes).toEqual({ queues: { mails: "4" } });
    const again = await keyspace.watch(async () => enlist(keyspace, "mails", 4));
    expect(again.changes).toEqual({});
  });

  test("takes a queue out, and a second time changes nothing", async () => {
    const keyspace = await setup();
    await enlist(keyspace, "mails", 4);
    await enlist(keyspace, "bills", 8);
    await enlist(keyspace, "mails", 0);
    const { changes } = await keyspace.watch(async () => enlist(keyspace, "mails", 0));
    expect(changes).toEqual({});
    expect(await keyspace.snapshot()).toEqual({ queues: { bills: "8" } });
  });

  test("is what readers of the registry see", async () => {
    const keyspace = await setup();
    const { connection, prefix } = keyspace;
    expect(await readQueues(connection, prefix)).toEqual(new Map());
    await keyspace.store.enlist(4);
    await enlist(keyspace, "bills", 8);
    const all = new Map([
      ["mails", 4],
      ["bills", 8],
    ]);
    expect(await readQueues(connection, prefix)).toEqual(all);
    const some = await readShardCounts(connection, prefix, ["bills", "nobody"]);
    expect(some).toEqual(new Map([["bills", 8]]));
  });
});

describe("what the store reads of meta", () => {
  test("is nothing for a queue that is not there", async () => {
    const keyspace = await setup();
    expect(await keyspace.store.readMeta()).toBeUndefined();
    expect(await keyspace.store.profile(1)).toEqual(KEPT_DEFAULTS);
    expect(keyspace.store.cachedProfile(1)).toBeUndefined();
  });

  test("are the options behind a number, filled up with the usual ones, until they are forgotten", async () => {
    const keyspace = await setup();
    await register(keyspace, 1, '{"attempts":7}');
    const options = { ...KEPT_DEFAULTS, attempts: 7 };
    const number = profileNumber('{"attempts":7}');
    expect(await keyspace.store.profile(number)).toEqual(options);
    expect(keyspace.store.cachedProfile(number)).toEqual(options);
    keyspace.store.forgetProfiles();
    expect(keyspace.store.cachedProfile(number)).toBeUndefined();
  });
});

describe("note-export", () => {
  test("notes when an export ended, the latest of them", async () => {
    const keyspace = await setup();
    await register(keyspace, 4);
    expect(await keyspace.store.readExportedAt()).toBeUndefined();
    const { reply, changes } = await keyspace.watch(async () => keyspace.store.noteExport());
    expect(reply).toBe(true);
    expect(changes).toEqual({ meta: { exportedAtMs: String(NOW) } });
    keyspace.advance(10);
    const again = await keyspace.watch(async () => keyspace.store.noteExport());
    expect(again.changes).toEqual({ meta: { exportedAtMs: String(NOW + 10) } });
    expect(await keyspace.store.readExportedAt()).toBe(NOW + 10);
    expect(await keyspace.store.readMeta()).toMatchObject({ shards: 4, paused: false });
  });

  test("makes no queue", async () => {
    const keyspace = await setup();
    const { reply, changes } = await keyspace.watch(async () => keyspace.store.noteExport());
    expect(reply).toBe(false);
    expect(changes).toEqual({});
  });
});
