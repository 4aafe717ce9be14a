const TOKENS = /"(?:\\.|[^"\\])*"|[{}[\]:,]|[^\s{}[\]:,"]+/g;

/** The keys that stand twice in one object of a JSON text, which JSON.parse would not tell. */
export function keysTwice(json: string): string[] {
  const found: string[] = [];
  const open: (Set<string> | undefined)[] = []; // undefined: an array
  const tokens = json.match(TOKENS) ?? [];
  tokens.forEach((token, i) => {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(undefined);
    else if (token === "}" || token === "]") open.pop();
    else if (tokens[i + 1] === ":") {
      const key = JSON.parse(token) as string;
      if (open.at(-1)?.has(key) === true) found.push(key);
      open.at(-1)?.add(key);
    }
  });
  return found;
}

/** The values that are not objects, each with its path: `{ a: { b: 1 } }` and `{ "a.b": 1 }` give the same. */
export function leaves(value: unknown, path = ""): [path: string, value: unknown][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [[path, value]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === "" ? key : `${path}.${key}`));
}
