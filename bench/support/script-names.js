import { readdirSync } from "node:fs";
import { composeLua } from "../../dist/store/lua.js";

const SHA1 = /^[0-9a-f]{40}$/;

const names = new Map();
for (const file of readdirSync(new URL("../../lua/", import.meta.url))) {
  if (!file.endsWith(".lua")) continue;
  const name = file.slice(0, -".lua".length);
  names.set(composeLua(name).sha1, name);
}

/** What a call is called: delayq's scripts by their names, other scripts "evalsha", commands as they are. */
export function callName(counted) {
  return names.get(counted) ?? (SHA1.test(counted) ? "evalsha" : counted);
}
