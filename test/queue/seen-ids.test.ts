import { expect, it } from "vitest";
import { SeenIds } from "../../src/queue/seen-ids.ts";

it("knows each of many ids again, more than were expected too", () => {
  const seen = new SeenIds(10);
  const ids = Array.from({ length: 20_000 }, (_, i) => `ü-${i}`);
  expect(ids.every((id) => seen.add(id))).toBe(true);
  expect(ids.some((id) => seen.add(id))).toBe(false);
  expect(seen.size).toBe(20_000);
  expect(seen.add("another")).toBe(true);
});
