import { expect, test } from "vitest";
import type { Confirmation, Due } from "../../src/core/options.ts";
import { inOrderOfDue } from "../../src/queue/due-order.ts";

const task = (due: Due, confirmation?: Confirmation, id?: string) => ({ options: { id, due }, confirmation });
const indexesOf = (tasks: Parameters<typeof inOrderOfDue>[0]): number[] =>
  inOrderOfDue(tasks).map(({ index }) => index);

test("neighbours in time come together, delays and instants alike, and equal ones as they were given", () => {
  const soon = task({ atMs: Date.now() + 1000 });
  const later = task({ delay: 60_000 });
  expect(indexesOf([later, soon, later, task({ delay: 0 }), soon])).toEqual([3, 1, 4, 0, 2]);
});

test("tasks that ask the same of the replicas come together, in time within", () => {
  const confirmed = { replicas: 1, timeoutMs: 500 };
  const patient = { replicas: 1, timeoutMs: 900 };
  const tasks = [patient, undefined, { ...confirmed }, undefined, { ...confirmed }].map((confirmation, i) =>
    task({ delay: 100 - i }, confirmation),
  );
  expect(indexesOf(tasks)).toEqual([3, 1, 4, 2, 0]);
});

test("where an id comes twice all stay as they were given", () => {
  const tasks = [task({ delay: 9 }, undefined, "a"), task({ delay: 5 }), task({ delay: 1 }, undefined, "a")];
  expect(indexesOf(tasks)).toEqual([0, 1, 2]);
});
