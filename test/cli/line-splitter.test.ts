import { expect, it } from "vitest";
import { LineSplitter, type Line } from "../../src/cli/import/line-splitter.ts";

function split(content: string | Buffer, chunkBytes: number, bytesMax = 1000): Line[] {
  const splitter = new LineSplitter(bytesMax);
  const bytes = Buffer.from(content as string);
  const lines: Line[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    lines.push(...splitter.push(bytes.subarray(at, at + chunkBytes)));
  }
  return [...lines, ...splitter.end()];
}

it.each([1, 2, 3, 7, 1000])("cuts lines whatever the chunks' borders (%i bytes)", (chunkBytes) => {
  const lines = split("\ufeffeins\r\n\n  \nzwölf 十二 🎉\nlast", chunkBytes);
  expect(lines.map(({ number, text }) => [number, text])).toEqual([
    [1, "eins"],
    [2, ""],
    [3, "  "],
    [4, "zwölf 十二 🎉"],
    [5, "last"],
  ]);
});

it("gives no line for the end of the last one, or for nothing", () => {
  expect(split("a\n", 10)).toHaveLength(1);
  expect(split("", 10)).toHaveLength(0);
});

it("tells a line that is too long before it is held whole, and passes over its rest", () => {
  const splitter = new LineSplitter(100);
  expect([...splitter.push(Buffer.from(`ok\n${"a".repeat(90)}`))]).toHaveLength(1);
  const [long, ...others] = [...splitter.push(Buffer.alloc(11, "a"))];
  expect(others).toEqual([]);
  expect(long).toMatchObject({ number: 2, text: "", bytes: 101 });
  expect(long?.fault?.message).toMatch("line 2: is longer than 100 bytes");
  expect([...splitter.push(Buffer.alloc(500, "a"))]).toEqual([]);
  expect([...splitter.push(Buffer.from("a\nnext\n"))]).toMatchObject([{ number: 3, text: "next" }]);
  expect([...splitter.end()]).toEqual([]);
});

it("tells a line that is not UTF-8", () => {
  const [good, bad, next] = split(Buffer.from([0x61, 0x0a, 0xff, 0xfe, 0x0a, 0x62]), 10);
  expect(good).toEqual({ number: 1, text: "a", bytes: 1 });
  expect(bad?.fault?.message).toMatch("line 2: is not UTF-8");
  expect(next).toEqual({ number: 3, text: "b", bytes: 1 });
});
