import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** Composes the scripts under `lua/` into what Redis runs: shebang with the flags first, then the included functions, then the body. */
const LUA = new URL("../../lua/", import.meta.url);
const FLAGS = /^-- flags:[ ]*(.*)$/m;
const INCLUDE = /^-- include (.+)$/m;

const read = (name: string): string => readFileSync(new URL(`${name}.lua`, LUA), "utf8");

/** Redis never sees the comments: they would only be sent and hashed. */
const withoutComments = (source: string): string => source.replaceAll(/^\s*--.*\n/gm, "");

export interface LuaSource {
  readonly text: string;
  readonly sha1: string;
}

export function composeLua(name: string): LuaSource {
  const source = read(name);
  const flags = FLAGS.exec(source)?.[1]?.trim() ?? "";
  const includes = INCLUDE.exec(source)?.[1]?.trim().split(/\s+/) ?? [];
  const shebang = flags === "" ? "#!lua" : `#!lua flags=${flags.replaceAll(/\s+/g, ",")}`;
  const text = [shebang, ...[...includes.map(read), source].map(withoutComments)].join("\n");
  return { text, sha1: createHash("sha1").update(text).digest("hex") };
}
