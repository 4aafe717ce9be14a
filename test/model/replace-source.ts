import { createHash } from "node:crypto";
import { onTestFinished } from "vitest";
import type { LuaSource } from "../../src/store/lua.ts";

/** Until the test ends. A copy would not be the script that the store calls. */
export function replaceSource(script: { readonly source: LuaSource }, text: string): void {
  const { source } = script;
  const sha1 = createHash("sha1").update(text).digest("hex");
  Object.defineProperty(script, "source", { value: { text, sha1 }, configurable: true });
  onTestFinished(() => {
    Object.defineProperty(script, "source", { value: source, configurable: true });
  });
}
