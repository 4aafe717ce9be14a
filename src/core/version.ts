import { readFileSync } from "node:fs";

let known: string | undefined;

/** Of this package. Read once: it tells what runs here, also when another release has been put in its place since. */
export function version(): string {
  if (known === undefined) {
    const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
    known = (JSON.parse(text) as { version: string }).version;
  }
  return known;
}
