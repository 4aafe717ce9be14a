import assert from "node:assert/strict";

/** @throws Error that says of what, and shows the difference */
export function same(what: string, actual: unknown, expected: unknown): void {
  try {
    assert.deepStrictEqual(actual, expected);
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
  }
}
