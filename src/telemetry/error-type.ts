/** Names of errors are up to handlers, and those of labels must not be without end. Of a span they may. */
const NAMES_MAX = 100;
const OTHER = "_OTHER";
const known = new Set<string>();

export function errorLabel(name: string): string {
  if (known.has(name)) return name;
  if (known.size >= NAMES_MAX) return OTHER;
  known.add(name);
  return name;
}
