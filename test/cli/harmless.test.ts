import { expect, test } from "vitest";
import { harmless } from "../../src/cli/log/harmless.ts";

const shown = (text: string): unknown => JSON.parse(harmless(JSON.stringify(text)));

test("shows what would steer a terminal, and leaves the rest", () => {
  expect(shown("a\u001b[2Jb\rc\bd\fe\u0000f")).toBe("a\\u001b[2Jb\\rc\\bd\\fe\\u0000f");
  expect(shown("\u007f\u009b2J\u202e")).toBe("\\u007f\\u009b2J\\u202e");
  expect(shown('line\n\ttab "quoted" \\ \\u001b C:\\bin \\\\b ü 😀')).toBe(
    'line\n\ttab "quoted" \\ \\u001b C:\\bin \\\\b ü 😀',
  );
});
