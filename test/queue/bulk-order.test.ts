import { expect, test } from "vitest";
import { setup } from "../support/fixture.ts";

const COUNT = 6000;

test("addBulk answers in the order in which the tasks were given, whenever they are due", async () => {
  const producer = setup().queue();
  const delays = Array.from({ length: COUNT }, (_, i) => 60_000 + ((i * 7919) % COUNT) * 1000);
  const added = await producer.addBulk(
    delays.map((delay, data) => ({
      name: "n",
      data,
      opts: data % 3 === 0 ? { delay, id: `i${data}` } : { delay },
    })),
  );
  expect(added.map(({ data }) => data)).toEqual(delays.map((_, data) => data));
  expect(added.map(({ dueAtMs, addedAtMs }) => dueAtMs - addedAtMs)).toEqual(delays);
  expect(await producer.get(added[4000]?.id ?? "")).toMatchObject({
    data: 4000,
    dueAtMs: added[4000]?.dueAtMs,
  });
});

test("of two tasks of a bulk with one id the first that was given is added", async () => {
  const producer = setup().queue();
  const twice = [60_000, 30_000].map((delay) => ({ name: "n", data: delay, opts: { id: "a", delay } }));
  const [first, second] = await producer.addBulk([...twice, { name: "n", data: 0 }]);
  expect([first?.existed, second?.existed]).toEqual([false, true]);
  expect(await producer.get("a")).toMatchObject({ data: 60_000 });
});
