import { describe, expect, test } from "vitest";
import { bucketBounds } from "../../src/core/buckets.ts";

const at = (text: string): number => new Date(text).getTime();

describe("buckets", () => {
  test("begin with the one that holds the start, and end at or after the end", () => {
    const bounds = bucketBounds("hour", at("2030-03-01T09:17:33.5"), at("2030-03-01T12:00"), 100);
    expect(bounds).toEqual(["09:00", "10:00", "11:00", "12:00"].map((hour) => at(`2030-03-01T${hour}`)));
    expect(bucketBounds("minute", at("2030-03-01T09:17:33.5"), at("2030-03-01T09:18:00.001"), 100)).toEqual(
      ["09:17", "09:18", "09:19"].map((minute) => at(`2030-03-01T${minute}`)),
    );
  });

  test("are days of the local time zone, however many hours they have", () => {
    const bounds = bucketBounds("day", at("2030-03-30T09:00"), at("2030-04-01T00:01"), 100);
    expect(bounds).toEqual(
      ["2030-03-30", "2030-03-31", "2030-04-01", "2030-04-02"].map((day) => at(`${day}T00:00`)),
    );
  });

  test("are one at least, and no more than are asked for", () => {
    expect(bucketBounds("day", at("2030-03-30"), at("2030-03-30"), 100)).toHaveLength(2);
    expect(bucketBounds("minute", at("2030-03-30"), at("2031-03-30"), 100)).toHaveLength(100);
  });
});
