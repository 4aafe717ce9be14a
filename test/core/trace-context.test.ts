import { describe, expect, test } from "vitest";
import { isTracestate, parseTraceparent, traceContextOf } from "../../src/core/trace-context.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";

describe("a traceparent", () => {
  test("is taken apart, also one of a later version", () => {
    const ids = { traceId, spanId, flags: 1 };
    expect(parseTraceparent(`00-${traceId}-${spanId}-01`)).toEqual(ids);
    expect(parseTraceparent(`01-${traceId}-${spanId}-01-more`)).toEqual(ids);
  });

  test.each([
    "",
    "00",
    `ff-${traceId}-${spanId}-01`,
    `00-${"0".repeat(32)}-${spanId}-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId}-${spanId}-01x`,
    `00-${traceId}-${spanId}-01-more`,
    `01-${traceId}-${spanId}-01-${"x".repeat(100)}`,
  ])("is not %s", (text) => {
    expect(parseTraceparent(text)).toBeUndefined();
  });
});

describe("what is kept of a trace", () => {
  test("is what W3C Trace Context says", () => {
    expect(traceContextOf({ traceId, spanId, flags: 1 }, "a=b")).toEqual({
      traceparent: `00-${traceId}-${spanId}-01`,
      tracestate: "a=b",
    });
  });

  test("is nothing where nobody records it, or it is none", () => {
    expect(traceContextOf({ traceId, spanId, flags: 0 })).toBeUndefined();
    expect(traceContextOf({ traceId: "0".repeat(32), spanId, flags: 1 })).toBeUndefined();
  });

  test("is without a state that is too long or cannot be printed", () => {
    expect(traceContextOf({ traceId, spanId, flags: 1 }, "a".repeat(513))).not.toHaveProperty("tracestate");
    expect(isTracestate("a=é")).toBe(false);
    expect(isTracestate("")).toBe(false);
  });
});
