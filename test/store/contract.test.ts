import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { composeLua } from "../../src/store/lua.ts";
import type { ScriptDefinition } from "../../src/store/script.ts";
import * as scripts from "../../src/store/scripts.ts";
import {
  allFaults,
  freeNames,
  namesIn,
  parse,
  parseHeader,
  topLevelNames,
  type Binding,
} from "./lua-contract.ts";

const LUA = new URL("../../lua/", import.meta.url);

function readLua(folder: string): Map<string, string> {
  const files = readdirSync(new URL(folder, LUA)).filter((file) => file.endsWith(".lua"));
  return new Map(
    files.map((file) => [file.slice(0, -".lua".length), readFileSync(new URL(folder + file, LUA), "utf8")]),
  );
}

const bodies = readLua("./");
const libs = new Map([...readLua("lib/")].map(([name, text]) => [`lib/${name}`, text]));
const bindings = Object.values(scripts).map((script): ScriptDefinition => script.definition);
const textOf = (name: string): string => bodies.get(name) ?? "";

describe("the contract of the scripts", () => {
  test("has a binding for every script and a script for every binding", () => {
    expect(bindings.map(({ name }) => name).toSorted()).toEqual([...bodies.keys()].toSorted());
  });

  test.each(bindings)("holds header, body and binding of $name together", (binding) => {
    expect(allFaults(textOf(binding.name), binding, libs)).toEqual([]);
  });

  test("has only what grows the data refused by a full Redis, and only reads without writes", () => {
    const flagged = (flags: string): string[] =>
      [...bodies].filter(([, text]) => parseHeader(text).flags?.join(" ") === flags).map(([name]) => name);
    expect(flagged("")).toEqual(["add", "register", "restore", "update"]);
    expect(flagged("no-writes")).toEqual(["counts", "due-before", "get", "list", "look-shard", "walk"]);
  });

  test.each(bindings)("sends $name to Redis with its flags first and without comments", ({ name }) => {
    const flags = parseHeader(textOf(name)).flags?.join(",") ?? "";
    const [first, ...rest] = composeLua(name).text.split("\n");
    expect(first).toBe(flags === "" ? "#!lua" : `#!lua flags=${flags}`);
    expect(rest.filter((line) => line.trimStart().startsWith("--"))).toEqual([]);
  });

  test("uses every function of every library in some script", () => {
    const used = [...bodies.values(), ...libs.values()].map((text) => mentions(text));
    const unused = [...libs.values()].flatMap((text) =>
      topLevelNames(parse(text)).filter((name) => used.every((names) => (names.get(name) ?? 0) === 0)),
    );
    expect(unused).toEqual([]);
  });
});

/** How often a text mentions each name, declarations left out. */
function mentions(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  const own = new Set(topLevelNames(parse(text)));
  for (const name of namesIn(parse(text))) {
    const times = text.replaceAll(/^\s*--.*$/gm, "").split(new RegExp(`\\b${name}\\b`)).length - 1;
    counts.set(name, times - (own.has(name) ? 1 : 0));
  }
  return counts;
}

interface Broken {
  readonly how: string;
  readonly of: string;
  readonly text?: (text: string) => string;
  readonly binding?: (binding: Binding) => Binding;
  readonly libs?: ReadonlyMap<string, string>;
  readonly finds: RegExp;
}

/** Replaces what must be there. */
const replaced = (text: string, was: string | RegExp, is: string): string => {
  const changed = text.replace(was, is);
  if (changed === text) throw new Error(`Expected the script to hold ${String(was)}.`);
  return changed;
};

const BROKEN: readonly Broken[] = [
  {
    how: "two keys swapped in the header",
    of: "claim",
    text: (text) => replaced(text, /(KEYS\[21\] +)tasks(.*)\n(.*KEYS\[22\] +)more/, "$1more$2\n$3tasks"),
    finds: /KEYS\[21..21\] is more in the header, tasks in the body/,
  },
  {
    how: "two keys swapped in the body",
    of: "claim",
    text: (text) => replaced(text, "local tasks, more, leased", "local more, tasks, leased"),
    finds: /KEYS\[21..21\] is tasks in the header, more in the body/,
  },
  {
    how: "two keys swapped in the binding",
    of: "settle",
    binding: (binding) => ({ ...binding, keys: binding.keys.toSorted() }),
    finds: /^keys: header has/,
  },
  {
    how: "an argument renamed in the body",
    of: "extend",
    text: (text) => text.replaceAll(/^(?!--)(.*)\bleaseMs\b/gm, "$1ms"),
    finds: /ARGV\[2\] is leaseMs in the header, ms in the body/,
  },
  {
    how: "an argument renamed in the header",
    of: "tick",
    text: (text) => replaced(text, "-- ARGV[2]      epoch ", "-- ARGV[2]      term "),
    finds: /^args: header has/,
  },
  {
    how: "an argument dropped from the binding",
    of: "add",
    binding: (binding) => ({ ...binding, args: binding.args.slice(1) }),
    finds: /^args: header has/,
  },
  {
    how: "an item's field renamed in the binding",
    of: "reschedule",
    binding: (binding) => ({ ...binding, items: ["id", "at"] }),
    finds: /^items: header has "due", binding "at"/,
  },
  {
    how: "an item's field dropped from the header",
    of: "settle",
    text: (text) => replaced(text, "outcome, id, fence, ms, text, where", "outcome, id, fence, ms, where"),
    finds: /number of item fields|the loop steps by 5/,
  },
  {
    how: "items that begin elsewhere",
    of: "add",
    text: (text) => replaced(text, "ITEMS_AT, ITEM_SIZE = 5, 2", "ITEMS_AT, ITEM_SIZE = 6, 2"),
    finds: /items begin at 5, ITEMS_AT is 6/,
  },
  {
    how: "a loop that steps by another size",
    of: "cancel",
    text: (text) => replaced(text, "idsOfItems(ITEMS_AT, 2)", "idsOfItems(ITEMS_AT, 3)"),
    finds: /an item has 2 fields, the loop steps by 3/,
  },
  {
    how: "a reply word dropped from the header",
    of: "tick",
    text: (text) => replaced(text, /^-- {3}\{ "STALE".*\n/m, ""),
    finds: /replies STALE, which the header does not have/,
  },
  {
    how: "a reply word dropped from the body",
    of: "claim",
    text: (text) => replaced(text, 'paused and "PAUSED" or "EMPTY"', '"EMPTY"'),
    finds: /never replies PAUSED/,
  },
  {
    how: "a reply word dropped from the binding",
    of: "register",
    binding: (binding) => ({ ...binding, replies: { REGISTERED: 1, SHARDS: 1, NEWER: 1 } }),
    finds: /^replies: header has/,
  },
  {
    how: "a free name",
    of: "counts",
    text: (text) => replaced(text, "local delayedCount, readyCount", "delayedCount, readyCount"),
    finds: /delayedCount is a free name/,
  },
  {
    how: "a function that Redis does not offer",
    of: "enlist",
    text: (text) => replaced(text, /^return /m, "print(queues)\nreturn "),
    finds: /print is a free name/,
  },
  {
    how: "an include left out",
    of: "settle",
    text: (text) => replaced(text, " lib/lease", ""),
    finds: /holdsFence is a free name/,
  },
  {
    how: "an include that another one needs and that comes after it",
    of: "add",
    text: (text) => replaced(text, "lib/wake lib/due", "lib/due lib/wake"),
    finds: /publish is a free name/,
  },
  {
    how: "an include that is not used",
    of: "extend",
    text: (text) => replaced(text, "lib/lease", "lib/lease lib/calls"),
    finds: /includes lib\/calls and uses nothing of it/,
  },
  {
    how: "an include that is not there",
    of: "extend",
    text: (text) => replaced(text, "lib/lease", "lib/leases"),
    finds: /includes lib\/leases, which is not there/,
  },
  {
    how: "a key used by its number",
    of: "purge",
    text: (text) => replaced(text, /^return /m, 'redis.call("DEL", KEYS[3])\nreturn '),
    finds: /uses KEYS by number/,
  },
  {
    how: "an argument used by its number",
    of: "purge",
    text: (text) => replaced(text, /^return /m, 'redis.call("DEL", ARGV[3])\nreturn '),
    finds: /uses ARGV by number/,
  },
  {
    how: "a level left out of a key's range",
    of: "counts",
    text: (text) => replaced(text, "KEYS[1..10]", "KEYS[1..9]"),
    finds: /KEYS due: expected 1..10, got 1..9/,
  },
  {
    how: "a key of another type",
    of: "get",
    text: (text) => replaced(text, /dead( +)zset/, "dead$1list"),
    finds: /KEYS dead is no list/,
  },
  {
    how: "another name",
    of: "get",
    text: (text) => replaced(text, "-- get:", "-- fetch:"),
    finds: /^name: header has "fetch", binding "get"/,
  },
  {
    how: "no flags line",
    of: "add",
    text: (text) => replaced(text, "-- flags:\n", ""),
    finds: /no flags line/,
  },
  {
    how: "a flag that is not known",
    of: "list",
    text: (text) => replaced(text, "no-writes", "no-write"),
    finds: /unknown flag no-write/,
  },
  {
    how: "a library with a free name",
    of: "claim",
    libs: new Map([
      ...libs,
      ["lib/runway", `${libs.get("lib/runway")}\nlocal function f() return zzz end\n`],
    ]),
    finds: /zzz is a free name/,
  },
];

describe("the check of the contract", () => {
  test.each(BROKEN)("finds $how ($of)", ({ of, finds, ...broken }) => {
    const binding = bindings.find(({ name }) => name === of);
    if (binding === undefined) throw new Error(`Expected a binding of ${of}.`);
    const faults = allFaults(
      broken.text?.(textOf(of)) ?? textOf(of),
      broken.binding?.(binding) ?? binding,
      broken.libs ?? libs,
    );
    expect(faults).toContainEqual(expect.stringMatching(finds));
  });

  test("knows which names are free, and which Redis gives", () => {
    expect(freeNames("local a = KEYS[1]\nreturn redis.call(b, a, os.time())")).toEqual(["b", "os"]);
  });
});
