import { Writable } from "node:stream";
import { pino } from "pino";
import { expect, test } from "vitest";
import { ERROR_SERIALIZERS, errorFields } from "../../src/runtime/error-fields.ts";

const hidden = { headers: { Authorization: "hidden" } };

test("says an error's type, message, code and stack, and those of what caused it", () => {
  const cause = Object.assign(new RangeError("the cause"), hidden);
  const error = Object.assign(new TypeError("no way", { cause }), { code: "E_NO", ...hidden });
  const fields = errorFields(error);
  expect(fields).toEqual({
    type: "TypeError",
    message: "no way",
    code: "E_NO",
    stack: expect.stringMatching(
      /^TypeError: no way\n {4}at [^]*\ncaused by: RangeError: the cause\n {4}at /,
    ),
  });
});

test("shows nothing of what is no error, and ends whatever was thrown", () => {
  expect(errorFields({ data: "hidden" })).toEqual({ type: "object", message: "an object that is no error" });
  expect(errorFields("text")).toEqual({ type: "string", message: "text" });
  expect(errorFields(undefined)).toEqual({ type: "undefined", message: "undefined" });
  const circle: { message: string; stack: string; cause?: unknown } = { message: "m", stack: "s" };
  circle.cause = circle;
  expect(errorFields(circle).stack).toBe(["s", "s", "s", "s"].join("\ncaused by: "));
  const broken = new Proxy(
    {},
    {
      get: () => {
        throw new Error("no");
      },
    },
  );
  expect(errorFields(broken)).toEqual({ type: "object", message: "an object that is no error" });
  const large = Object.assign(new Error("m".repeat(1e6)), { code: "c".repeat(1e6) });
  expect(JSON.stringify(errorFields(large)).length).toBeLessThan(5000);
});

test("hides in lines what hangs on an error", () => {
  let text = "";
  const stream = new Writable({
    write: (chunk: Buffer, _, done) => {
      text += chunk.toString();
      done();
    },
  });
  const logger = pino({ serializers: ERROR_SERIALIZERS }, stream);
  const error = Object.assign(new Error("no way"), hidden);
  logger.error(error);
  logger.error({ err: error });
  logger.error({ error });
  logger.child({ err: error }).error("text");
  logger.error({ err: { data: "hidden" } });
  logger.error({ error: { type: "T", message: "m" } });
  expect(text).not.toContain("hidden");
  expect(text.match(/"message":"no way"/g)).toHaveLength(4);
  expect(text).toContain('"error":{"type":"T","message":"m"}');
});
