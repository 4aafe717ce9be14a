import { expect, test } from "vitest";
import { setup } from "../support/fixture.ts";
import { startMetrics } from "./sdk.ts";

const common = { "messaging.system": "delayq", "messaging.destination.name": "q" };
const count = (point: { value: unknown } | undefined): unknown =>
  (point?.value as { count?: number } | undefined)?.count;

test("counts what is added and run, and how long it took, without labels of single tasks", async () => {
  const { queue, worker } = setup();
  const metrics = startMetrics();
  const q = queue({ defaults: { attempts: 1 } });
  const running = worker(({ name }) => {
    if (name === "bad") throw new RangeError("no");
  });
  const ended = new Promise<void>((resolve) => {
    let left = 5;
    const one = (): void => {
      left--;
      if (left === 0) resolve();
    };
    running.on("completed", one).on("dead", one);
  });
  await q.add("good", 1);
  await q.add("bad", 1);
  await q.addBulk([1, 2, 3].map((data) => ({ name: "good", data })));
  await expect(q.add("good", 1n)).rejects.toThrow("to be JSON");
  await ended;

  const sent = await metrics.points("messaging.client.sent.messages");
  expect(sent.map(({ attributes, value }) => [attributes["messaging.operation.name"], value])).toEqual([
    ["add", 2], // what was refused here was not sent
    ["addBulk", 3],
  ]);
  expect(sent[0]?.attributes).toMatchObject({ ...common, "messaging.operation.type": "send" });

  const took = await metrics.points("messaging.client.operation.duration");
  expect(took.map(count)).toEqual([2, 1, 1]);
  expect(took.map(({ attributes }) => attributes["error.type"])).toEqual([
    undefined,
    undefined,
    "DELAYQ_INVALID_DATA",
  ]);

  const [consumed] = await metrics.points("messaging.client.consumed.messages");
  expect(consumed?.value).toBe(5);

  const processed = await metrics.points("messaging.process.duration");
  const byOutcome = Object.fromEntries(
    processed.map((point) => [point.attributes["delayq.task.outcome"], point]),
  );
  expect(count(byOutcome["completed"])).toBe(4);
  expect(count(byOutcome["dead"])).toBe(1);
  expect(byOutcome["dead"]?.attributes).toMatchObject({ ...common, "error.type": "RangeError" });

  const labels = [...sent, ...took, ...processed].flatMap(({ attributes }) => Object.keys(attributes));
  expect(labels).not.toContain("messaging.message.id");
  expect(labels).not.toContain("delayq.task.name");
});
