import { expect, it } from "vitest";
import { taskOf, type LineFormat } from "../../src/cli/import/line-task.ts";

const plain: LineFormat = { nameField: "name", name: undefined, time: { kind: "own" } };
const offset: LineFormat = {
  ...plain,
  time: { kind: "offset", field: "offsetMs", originMs: 1_800_000_000_000, speed: 10 },
};
const read = (fields: unknown, format = plain) => {
  const text = typeof fields === "string" ? fields : JSON.stringify(fields);
  return taskOf({ number: 7, text, bytes: Buffer.byteLength(text) }, format);
};

it("reads name, data, id and opts", () => {
  const task = read({ name: "a", data: { x: 1 }, id: "i", opts: { delay: 5, attempts: 2 } });
  expect(task).toEqual({ name: "a", data: { x: 1 }, opts: { id: "i", delay: 5, attempts: 2 } });
});

it("takes null for no data, and the other fields where there is no data", () => {
  expect(read({ name: "a" }).data).toBeNull();
  expect(read({ name: "a", host: "h", n: 1 }).data).toEqual({ host: "h", n: 1 });
  expect(read({ name: "a", data: null, host: "h" }).data).toBeNull();
});

it("reads offsets from one origin, faster by the speed", () => {
  const task = read({ offsetMs: 264, name: "nova.osapi", data: { a: 1 } }, offset);
  expect(task).toEqual({ name: "nova.osapi", data: { a: 1 }, opts: { at: 1_800_000_000_026 } });
});

it("reads instants as text and as epoch ms", () => {
  const format: LineFormat = { ...plain, nameField: "component", time: { kind: "instant", field: "ts" } };
  const at = Date.UTC(2027, 0, 1);
  expect(read({ component: "c", ts: "2027-01-01T08:00+08:00", m: 1 }, format)).toEqual({
    name: "c",
    data: { m: 1 },
    opts: { at },
  });
  expect(read({ component: "c", ts: at }, format).opts.at).toBe(at);
  expect(read({ name: "a", opts: { at: "2027-01-01T00:00Z" } }).opts.at).toBe(at);
});

it("uses the name that was given for lines without one", () => {
  expect(read({ data: 1 }, { ...plain, name: "fallback" }).name).toBe("fallback");
});

it.each([
  ["nope", "one JSON object"],
  ["[1]", "one JSON object"],
  ["null", "one JSON object"],
  [{ data: 1 }, "a name in the field `name`"],
  [{ name: "" }, "task name"],
  [{ name: 7 }, "task name"],
  [{ name: "a\u0007" }, "task name"],
  [{ name: "a", id: 7 }, "task id"],
  [{ name: "a", id: "" }, "task id"],
  [{ name: "a", id: "x", opts: { id: "y" } }, "one id"],
  [{ name: "a", opts: [] }, "`opts` to be an object"],
  [{ name: "a", opts: { dleay: 5 } }, "only known options"],
  [{ name: "a", opts: { delay: -5 } }, "`delay`"],
  [{ name: "a", opts: { at: "soon" } }, "`opts.at`"],
  [{ name: "a", delay: 500 }, "`delay` to stand in `opts`"],
  [{ name: "a", at: 500 }, "`at` to stand in `opts`"],
  [{ name: "a", data: "x".repeat(1_048_575) }, "at most 1048576 bytes"],
])("refuses %j", (fields, message) => {
  expect(() => read(fields)).toThrow(message);
  expect(() => read(fields)).toThrow(/^line 7: /);
});

it.each([
  [{ name: "a" }],
  [{ name: "a", offsetMs: "5" }],
  [{ name: "a", offsetMs: -1 }],
  [{ name: "a", offsetMs: 1e300 }],
])("refuses the offset of %j", (fields) => {
  expect(() => read(fields, offset)).toThrow("`offsetMs` to be a number of milliseconds");
});

it("refuses two times in one line", () => {
  expect(() => read({ name: "a", offsetMs: 5, opts: { delay: 5 } }, offset)).toThrow("nothing of its time");
});
