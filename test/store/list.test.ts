import { describe, expect, test } from "vitest";
import { pageSources, type PageSource } from "../../src/store/queue-store.ts";
import * as scripts from "../../src/store/scripts.ts";
import { NOW, openKeyspace, type Keyspace } from "../support/keyspace.ts";

const setup = async (): Promise<Keyspace> => await openKeyspace();

/** The due set of level 0, or the part of it that is due or is not. */
const dueSet = (keyspace: Keyspace, range: PageSource["range"] = "all"): PageSource => ({
  scored: keyspace.keys.due[0] ?? "",
  range,
});

/** All ids, page by page; `between` runs after each page with the ids so far. */
async function walk(
  keyspace: Keyspace,
  source: PageSource,
  limit: number,
  between?: (ids: readonly string[]) => Promise<void>,
): Promise<string[]> {
  const ids: string[] = [];
  let after: { id: string; score: number } | undefined;
  for (let pages = 0; pages < 100; pages++) {
    const { page } = await keyspace.store.page(source, after, limit);
    ids.push(...page.map(({ id }) => id));
    after = page.at(-1);
    if (after === undefined) return ids;
    await between?.(ids);
  }
  throw new Error("Expected the pages to end.");
}

const idsOf = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `t${String(i).padStart(3, "0")}`);

describe("list", () => {
  test("pages through a structure in its order, with scores, and changes nothing", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "c", delay: 1 }, { id: "a", delay: 3 }, { id: "b", delay: 2 });
    const { reply, changes } = await keyspace.watch(async () =>
      keyspace.store.page(dueSet(keyspace), undefined, 2),
    );
    expect(reply).toEqual({
      word: "PAGE",
      nowMs: NOW,
      page: [
        { id: "c", score: NOW + 1 },
        { id: "b", score: NOW + 2 },
      ],
    });
    expect(changes).toEqual({});
    const rest = await keyspace.store.page(dueSet(keyspace), reply.page[1], 2);
    expect(rest.page).toEqual([{ id: "a", score: NOW + 3 }]);
    expect((await keyspace.store.page(dueSet(keyspace), rest.page[0], 2)).page).toEqual([]);
  });

  test.each([1, 3, 7, 1000])("finds every id once where all share a score, %i a page", async (limit) => {
    const keyspace = await setup();
    const ids = idsOf(40);
    await keyspace.add(...ids.map((id) => ({ id, delay: 5 })));
    expect(await walk(keyspace, dueSet(keyspace), limit)).toEqual(ids);
  });

  test("misses none and repeats none when ids leave between two pages", async () => {
    const keyspace = await setup();
    const ids = idsOf(30);
    await keyspace.add(...ids.map((id, i) => ({ id, delay: i < 20 ? 5 : 6 })));
    const seen = await walk(keyspace, dueSet(keyspace), 4, async (soFar) => {
      // The whole page, the last id of it included, and one that comes two pages later.
      const leaving = [...soFar.slice(-4), ids[soFar.length + 6] ?? ""].flatMap((id) => [id, 0]);
      await keyspace.run(scripts.cancel, {}, leaving);
    });
    expect(new Set(seen).size).toBe(seen.length);
    const left = Object.keys((await keyspace.snapshot())["due:0"] ?? {});
    expect(left).toEqual([]);
    expect(seen.length).toBeGreaterThan(20);
    expect(seen).toEqual(seen.toSorted());
  });

  test("goes on behind an id that came in between", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "b", delay: 5 }, { id: "d", delay: 5 });
    const { page } = await keyspace.store.page(dueSet(keyspace), undefined, 1);
    await keyspace.add({ id: "a", delay: 5 }, { id: "c", delay: 5 });
    const rest = await keyspace.store.page(dueSet(keyspace), page[0], 9);
    expect(rest.page.map(({ id }) => id)).toEqual(["c", "d"]);
  });

  test("orders ids of one score by their bytes, as Redis does", async () => {
    const keyspace = await setup();
    const ids = ["Z", "a", "aa", "é", "z", "~", "日", "😀", "_", "-"];
    await keyspace.add(...ids.map((id) => ({ id, delay: 5 })));
    const sorted = ids.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(await walk(keyspace, dueSet(keyspace), 1)).toEqual(sorted);
  });

  test("takes what is due, or what is due later, out of a due set", async () => {
    const keyspace = await setup();
    await keyspace.add(
      { id: "a", at: NOW - 1 },
      { id: "b", at: NOW },
      { id: "c", at: NOW },
      { id: "d", at: NOW + 1 },
      { id: "e", at: NOW + 1 },
    );
    for (const limit of [1, 2, 9]) {
      expect(await walk(keyspace, dueSet(keyspace, "due"), limit)).toEqual(["a", "b", "c"]);
      expect(await walk(keyspace, dueSet(keyspace, "later"), limit)).toEqual(["d", "e"]);
    }
  });

  test("answers with an empty page where nothing is", async () => {
    const keyspace = await setup();
    for (const range of ["all", "due", "later"] as const)
      expect(await walk(keyspace, dueSet(keyspace, range), 5)).toEqual([]);
  });

  test("ends when tasks become due between two pages of those due later", async () => {
    const keyspace = await setup();
    await keyspace.add(...idsOf(10).map((id, i) => ({ id, delay: i + 1 })));
    const seen = await walk(keyspace, dueSet(keyspace, "later"), 3, async () => {
      keyspace.advance(4);
      return await Promise.resolve();
    });
    expect(seen).toEqual(["t000", "t001", "t002", "t004", "t005", "t006", "t008", "t009"]);
  });

  test("finds the tasks of each state where they are", async () => {
    const keyspace = await setup();
    await keyspace.bury({ id: "dead" });
    await keyspace.complete({ id: "done" });
    await keyspace.lease({ id: "leased" });
    await keyspace.add({ id: "ready", priority: 4 }, { id: "later", delay: 5, priority: 2 });
    const levels = await keyspace.store.levels(keyspace.keys);
    const found = async (state: Parameters<typeof pageSources>[1]): Promise<string[]> => {
      const sources = pageSources(keyspace.keys, state, levels);
      return (await Promise.all(sources.map(async (source) => walk(keyspace, source, 10)))).flat();
    };
    expect(await found("dead")).toEqual(["dead"]);
    expect(await found("done")).toEqual(["done"]);
    expect(await found("leased")).toEqual(["leased"]);
    expect(await found("ready")).toEqual(["ready"]);
    expect(await found("delayed")).toEqual(["later"]);
  });
});
