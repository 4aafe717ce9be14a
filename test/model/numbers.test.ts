import { expect, inject, test } from "vitest";
import * as scripts from "../../src/store/scripts.ts";
import { findFault } from "./property.ts";
import { replaceSource } from "./replace-source.ts";

/** In front of a script: its calls fail that hand Redis a number, and not its text. */
const STRICT = `
local redis = setmetatable({
  call = function(...)
    for i = 1, select("#", ...) do
      if type(select(i, ...)) == "number" then
        error("a number among the arguments of " .. tostring((...)))
      end
    end
    return redis.call(...)
  end,
}, { __index = redis })`;

test("scripts hand Redis no numbers: it would print each with 17 digits, which takes longer than many a command", async () => {
  for (const script of Object.values(scripts)) {
    const [flags, ...body] = script.source.text.split("\n");
    replaceSource(script, [flags, STRICT, ...body].join("\n"));
  }
  expect(await findFault(inject("redisUrl"), { numRuns: 60, seed: 7 })).toBeUndefined();
});
