import { expect, test } from "vitest";
import {
  KEPT_DEFAULTS,
  TIME_MAX_MS,
  parseAddOptions,
  parseBulkTask,
  type AddOptions,
} from "../../src/core/options.ts";

/** What only the schema reads: an object without Object's prototype. */
const forSchema = (value: object): object => Object.assign(Object.create(null) as object, value);

/** What came, or how it was refused. */
function outcomeOf(parse: () => unknown): unknown {
  try {
    return parse();
  } catch (error) {
    return String(error);
  }
}

const NUMBERS = [0, 1, -1, 1.5, 9, 10, TIME_MAX_MS, TIME_MAX_MS + 1, 2 ** 53, Number.NaN, Infinity, -0];
const VALUES: unknown[] = [...NUMBERS, undefined, null, "", "7", "é", "a\nb", "x".repeat(257), true, {}, []];
const OPTIONS: object[] = [
  {},
  ...["delay", "at", "id", "priority", "attempts", "durability", "nonsense"].flatMap((key) =>
    VALUES.map((value) => ({ [key]: value })),
  ),
  { delay: 1, at: 1 },
  { at: 1, delay: 1 },
  { delay: undefined, at: 5 },
  { at: new Date(5) },
  { at: new Date(Number.NaN) },
  { delay: 5, id: "a", priority: 3 },
  { delay: 5, attempts: 3 },
  { delay: 5, attempts: 4 },
  { delay: 5, durability: { replicas: 1, timeoutMs: 5 } },
];

test("takes and refuses options of a task as the schema does, however plain they are", () => {
  for (const options of OPTIONS) {
    const [plain, judged] = [options, forSchema(options)].map((input) =>
      outcomeOf(() => parseAddOptions(input, KEPT_DEFAULTS)),
    );
    expect(plain, JSON.stringify(options)).toEqual(judged);
  }
});

test.each([null, 1, "a", [], () => {}])("refuses %s as options of a task", (options) => {
  expect(() => parseAddOptions(options as unknown as AddOptions, KEPT_DEFAULTS)).toThrow(/to be an object/);
});

test("takes and refuses tasks of a bulk as the schema does", () => {
  const tasks = [
    {},
    { name: "a" },
    { data: 1 },
    { name: "a", data: 1 },
    { name: "a", data: undefined },
    { name: undefined, data: null },
    { name: "a", data: 1, opts: { delay: 5 } },
    { name: "a", data: 1, opts: undefined },
    { name: "a", data: 1, nonsense: 1 },
  ];
  for (const task of tasks) {
    const [plain, judged] = [task, forSchema(task)].map((input) => outcomeOf(() => parseBulkTask(input)));
    expect(plain, JSON.stringify(task)).toEqual(judged);
  }
});

test.each([null, 1, "a", []])("refuses %s as a task of a bulk", (task) => {
  expect(() => parseBulkTask(task)).toThrow(/to be an object/);
});
