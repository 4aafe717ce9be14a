import luaparse, { type Node } from "luaparse";

/**
 * Holds a script's header, its body and its binding against each other. All functions take texts, so that a test can hand
 * in broken ones. They return the faults they find, as sentences; none means that the script keeps its contract.
 */
export interface Binding {
  readonly name: string;
  readonly keys: readonly string[];
  readonly args: readonly string[];
  readonly items: readonly string[];
  readonly replies: Readonly<Record<string, unknown>>;
}

export interface Header {
  readonly name: string | undefined;
  /** undefined without a flags line. */
  readonly flags: readonly string[] | undefined;
  readonly includes: readonly string[];
  readonly keys: readonly { first: number; last: number; name: string; type: string }[];
  readonly args: readonly { index: number; name: string }[];
  readonly items: { readonly index: number; readonly fields: readonly string[] } | undefined;
  readonly replies: readonly string[];
}

const FLAGS = new Set(["allow-oom", "no-writes"]);
/** What Redis 7 offers to a script, as far as scripts may use it. */
const GIVEN = new Set(
  (
    "redis cjson cmsgpack struct bit math string table tonumber tostring type unpack ipairs pairs pcall " +
    "KEYS ARGV"
  ).split(" "),
);
/** How many keys a logical key stands for; one unless told. */
const WIDTHS = new Map([
  ["due", 10],
  ["ready", 10],
  ["keys", 34],
]);
const TYPES = new Map([
  ...["due", "leased", "dead", "done", "calls", "waiting", "members", "scored"].map(
    (name) => [name, "zset"] as const,
  ),
  ["ready", "list"],
  ["keys", "any"],
]);
const OTHER_KEYS_ARE = "hash";

export function parseHeader(text: string): Header {
  const lines = text.split("\n");
  const end = lines.findIndex((line) => !line.startsWith("--"));
  const header = lines.slice(0, end).map((line) => line.replace(/^-- ?/, ""));
  const all = (pattern: RegExp): RegExpExecArray[] =>
    header.map((line) => pattern.exec(line)).filter((match) => match !== null);
  const one = (pattern: RegExp): string | undefined => all(pattern)[0]?.[1];
  const items = all(/^ARGV\[(\d+)\.\.\]\s+items\s+(.*)$/)[0];
  const otherwise = one(/^\s+else: (.*)$/);
  const repliesAt = header.indexOf("Replies");
  return {
    name: /^([a-z-]+): ./.exec(header[0] ?? "")?.[1],
    flags: one(/^flags:(.*)$/)
      ?.split(/\s+/)
      .filter((flag) => flag !== ""),
    includes: one(/^include (.+)$/)?.split(/\s+/) ?? [],
    keys: all(/^KEYS\[(\d+)(?:\.\.(\d+))?\]\s+(\w+)\s+(\w+)\s+\S/).map(([, first, last, name, type]) => ({
      first: Number(first),
      last: Number(last ?? first),
      name: name ?? "",
      type: type ?? "",
    })),
    args: all(/^ARGV\[(\d+)\]\s+(\w+)\s+(?:int|text)\b/).map(([, index, name]) => ({
      index: Number(index),
      name: name ?? "",
    })),
    items: items && { index: Number(items[1]), fields: fieldsOf(otherwise ?? items[2] ?? "") },
    replies: header
      .slice(repliesAt === -1 ? header.length : repliesAt)
      .map((line) => /^ {2}\{ "(\w+)"/.exec(line)?.[1])
      .filter((word) => word !== undefined),
  };
}

/** "each: id, due ("+" and a delay in ms), record without its times": its fields, each with the words around it. */
const fieldsOf = (text: string): string[] =>
  text
    .replace(/^each: /, "")
    .replaceAll(/\([^)]*\)/g, "")
    .replace(/, where .*/, "")
    .split(",")
    .map((field) => field.trim());

/** The header against the binding. */
function bindingFaults(text: string, binding: Binding): string[] {
  const header = parseHeader(text);
  const faults: string[] = [];
  const hold = (what: string, declared: unknown, bound: unknown): void => {
    if (JSON.stringify(declared) !== JSON.stringify(bound))
      faults.push(`${what}: header has ${JSON.stringify(declared)}, binding ${JSON.stringify(bound)}`);
  };
  hold("name", header.name, binding.name);
  hold(
    "keys",
    header.keys.map(({ name }) => name),
    binding.keys,
  );
  hold(
    "args",
    header.args.map(({ name }) => name),
    binding.args,
  );
  hold("number of item fields", header.items?.fields.length ?? 0, binding.items.length);
  for (const [i, field] of (header.items?.fields ?? []).entries()) {
    const bound = binding.items[i] ?? "";
    if (!field.split(/\s+/).includes(bound)) faults.push(`items: header has "${field}", binding "${bound}"`);
  }
  hold("replies", header.replies.toSorted(), Object.keys(binding.replies).toSorted());
  return faults;
}

/** The header by itself: its lines are there, its indexes run on, its keys have the types that they have everywhere. */
function headerFaults(text: string): string[] {
  const header = parseHeader(text);
  const faults: string[] = [];
  if (header.name === undefined) faults.push("no name line");
  if (header.flags === undefined) faults.push("no flags line");
  for (const flag of header.flags ?? []) if (!FLAGS.has(flag)) faults.push(`unknown flag ${flag}`);
  if (header.replies.length === 0) faults.push("no replies");
  let next = 1;
  for (const { first, last, name, type } of header.keys) {
    const width = WIDTHS.get(name) ?? 1;
    if (first !== next || last !== first + width - 1)
      faults.push(`KEYS ${name}: expected ${next}..${next + width - 1}, got ${first}..${last}`);
    if (type !== (TYPES.get(name) ?? OTHER_KEYS_ARE)) faults.push(`KEYS ${name} is no ${type}`);
    next = last + 1;
  }
  const indexes = [...header.args.map(({ index }) => index), ...(header.items ? [header.items.index] : [])];
  if (indexes.some((index, i) => index !== i + 1)) faults.push(`ARGV: indexes are ${indexes.join(", ")}`);
  return faults;
}

/** The body against its header: what it calls its keys and arguments, and with what it replies. */
function bodyFaults(text: string): string[] {
  const header = parseHeader(text);
  const faults: string[] = [];
  const body = parse(text);
  const bound = boundNames(body);

  for (const { first, last, name } of header.keys)
    if (bound.keys.get(`${first}..${last}`) !== name)
      faults.push(
        `KEYS[${first}..${last}] is ${name} in the header, ${bound.keys.get(`${first}..${last}`) ?? "nothing"} in the body`,
      );
  if (bound.keys.size > header.keys.length) faults.push("the body binds keys that the header does not have");
  for (const { index, name } of header.args)
    if (bound.args.get(index) !== name)
      faults.push(
        `ARGV[${index}] is ${name} in the header, ${bound.args.get(index) ?? "nothing"} in the body`,
      );
  if (bound.args.size > header.args.length)
    faults.push("the body binds arguments that the header does not have");
  faults.push(...rawFaults(body, bound.seen, header));

  const replied = repliesOf(body);
  for (const word of header.replies) if (!replied.has(word)) faults.push(`never replies ${word}`);
  for (const word of replied)
    if (!header.replies.includes(word)) faults.push(`replies ${word}, which the header does not have`);
  return faults;
}

/** The script with its includes, as Redis will compile it: no free names, and no include that is not used. */
function includeFaults(text: string, libs: ReadonlyMap<string, string>): string[] {
  const { includes } = parseHeader(text);
  const faults: string[] = [];
  const texts = includes.map((name) => libs.get(name) ?? "");
  for (const [i, name] of includes.entries()) {
    if (!libs.has(name)) {
      faults.push(`includes ${name}, which is not there`);
      continue;
    }
    const users = [...texts.slice(i + 1), text].map((user) => namesIn(parse(user)));
    const own = topLevelNames(parse(libs.get(name) ?? ""));
    if (!own.some((word) => users.some((names) => names.has(word))))
      faults.push(`includes ${name} and uses nothing of it`);
  }
  const free = freeNames([...texts, text].join("\n"));
  for (const name of free) faults.push(`${name} is a free name`);
  return faults;
}

export function allFaults(text: string, binding: Binding, libs: ReadonlyMap<string, string>): string[] {
  return [
    ...headerFaults(text),
    ...bindingFaults(text, binding),
    ...bodyFaults(text),
    ...includeFaults(text, libs),
  ];
}

/** The names that a file declares for those who include it. */
export const topLevelNames = (chunk: Node): string[] =>
  (chunk["body"] as Node[]).flatMap((statement) => {
    if (statement.type === "FunctionDeclaration") return [nameOf(statement["identifier"])];
    return statement.type === "LocalStatement" ? (statement["variables"] as Node[]).map(nameOf) : [];
  });

/** All names that a file mentions. */
export function namesIn(chunk: Node): Set<string> {
  const names = new Set<string>();
  walk(chunk, (node) => {
    if (node.type === "Identifier") names.add(nameOf(node));
  });
  return names;
}

export const parse = (text: string): Node => luaparse.parse(text, { luaVersion: "5.1", comments: false });

export function freeNames(text: string): string[] {
  const chunk = luaparse.parse(text, { luaVersion: "5.1", comments: false, scope: true });
  const names = (chunk["globals"] as Node[]).map(nameOf);
  return [...new Set(names)].filter((name) => !GIVEN.has(name));
}

const nameOf = (node: unknown): string => String((node as Node | null)?.["name"]);
const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value;
const isName = (node: unknown, name: string): boolean =>
  isNode(node) && node.type === "Identifier" && node["name"] === name;

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const value of Object.values(node))
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) walk(child, visit);
}

const numberOf = (node: unknown): number | undefined =>
  isNode(node) && node.type === "NumericLiteral" ? Number(node["value"]) : undefined;
const callOf = (node: unknown, name: string): Node[] | undefined =>
  isNode(node) && node.type === "CallExpression" && isName(node["base"], name)
    ? (node["arguments"] as Node[])
    : undefined;
const indexOf = (node: unknown, name: string): number | undefined =>
  isNode(node) && node.type === "IndexExpression" && isName(node["base"], name)
    ? numberOf(node["index"])
    : undefined;

interface Bound {
  /** "first..last" -> the name in the body */
  readonly keys: Map<string, string>;
  readonly args: Map<number, string>;
  /** The nodes in which KEYS and ARGV may stand. */
  readonly seen: Set<Node>;
}

/** The names that top-level locals give to keys and arguments. */
function boundNames(body: Node): Bound {
  const bound: Bound = { keys: new Map(), args: new Map(), seen: new Set() };
  for (const statement of body["body"] as Node[]) {
    if (statement.type !== "LocalStatement") continue;
    const variables = statement["variables"] as Node[];
    for (const [i, init] of (statement["init"] as Node[]).entries()) {
      const name = nameOf(variables[i]);
      const clock = callOf(init, "readClock")?.[0];
      const key = indexOf(init, "KEYS");
      const arg = argIn(clock ?? init);
      const range = keyRange(init);
      if (key !== undefined) bound.keys.set(`${key}..${key}`, name);
      else if (range !== undefined) bound.keys.set(range, name);
      else if (arg !== undefined) bound.args.set(arg, clock !== undefined && name === "_" ? "nowMs" : name);
      else continue;
      walk(init, (node) => bound.seen.add(node));
    }
  }
  return bound;
}

/** `ARGV[n]`, `tonumber(ARGV[n])`, `ARGV[n] == "1"` */
function argIn(init: Node): number | undefined {
  const inner = callOf(init, "tonumber")?.[0] ?? (init.type === "BinaryExpression" ? init["left"] : init);
  return indexOf(inner, "ARGV");
}

/** `{ unpack(KEYS, first, last) }` */
function keyRange(init: Node): string | undefined {
  if (init.type !== "TableConstructorExpression") return undefined;
  const [field] = init["fields"] as Node[];
  const [keys, first, last] = callOf(field?.["value"], "unpack") ?? [];
  return isName(keys, "KEYS") ? `${numberOf(first)}..${numberOf(last)}` : undefined;
}

/** KEYS and ARGV stand where they get their names, and nowhere else but where the items are read. */
function rawFaults(body: Node, seen: ReadonlySet<Node>, header: Header): string[] {
  const faults: string[] = [];
  const allowed = new Set(seen);
  const constants = new Map<string, number>();
  walk(body, (node) => {
    if (node.type === "LocalStatement")
      for (const [i, init] of (node["init"] as Node[]).entries()) {
        const value = numberOf(init);
        if (value !== undefined) constants.set(nameOf((node["variables"] as Node[])[i]), value);
      }
    if (header.items === undefined) return;
    const isItem =
      node.type === "IndexExpression" &&
      isName(node["base"], "ARGV") &&
      numberOf(node["index"]) === undefined;
    if (isItem) allowed.add(node["base"] as Node);
    if (node.type === "UnaryExpression" && node["operator"] === "#" && isName(node["argument"], "ARGV"))
      allowed.add(node["argument"] as Node);
  });
  walk(body, (node) => {
    if ((isName(node, "KEYS") || isName(node, "ARGV")) && !allowed.has(node))
      faults.push(`uses ${nameOf(node)} by number, where it is not given a name`);
  });
  if (constants.get("ITEMS_AT") !== header.items?.index)
    faults.push(`items begin at ${header.items?.index}, ITEMS_AT is ${constants.get("ITEMS_AT")}`);
  if (header.items !== undefined) {
    const size = header.items.fields.length;
    for (const step of itemSteps(body, constants))
      if (step !== size) faults.push(`an item has ${size} fields, the loop steps by ${step}`);
  }
  return faults;
}

const ONE: Node = { type: "NumericLiteral", value: 1 };

/** By how much the loops over items step, or ITEM_SIZE where the loop is another. */
function itemSteps(body: Node, constants: ReadonlyMap<string, number>): number[] {
  const steps: number[] = [];
  walk(body, (node) => {
    const step = itemStep(node);
    if (step !== undefined) steps.push(numberOf(step) ?? constants.get(nameOf(step)) ?? Number.NaN);
  });
  return steps.length > 0 ? steps : [constants.get("ITEM_SIZE") ?? Number.NaN];
}

/** Of a loop from ITEMS_AT, or of what `idsOfItems` loops over. */
function itemStep(node: Node): unknown {
  if (node.type === "ForNumericStatement")
    return isName(node["start"], "ITEMS_AT") ? (node["step"] ?? ONE) : undefined;
  if (node.type !== "CallExpression" || !isName(node["base"], "idsOfItems")) return undefined;
  const [from, size] = node["arguments"] as Node[];
  return isName(from, "ITEMS_AT") ? size : undefined;
}

/** Every word in capitals that stands first in a table: `{ "WORD"`, `{ paused and "PAUSED" or "EMPTY" }`. */
function repliesOf(body: Node): Set<string> {
  const words = new Set<string>();
  walk(body, (node) => {
    const [first] = node.type === "TableConstructorExpression" ? (node["fields"] as Node[]) : [];
    if (first?.type !== "TableValue") return;
    walk(first["value"] as Node, (inner) => {
      const word =
        inner.type === "StringLiteral" ? /^["']([A-Z_]+)["']$/.exec(String(inner["raw"]))?.[1] : undefined;
      if (word !== undefined) words.add(word);
    });
  });
  return words;
}
