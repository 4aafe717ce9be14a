import { printableJson } from "../output.ts";

/** In JSON: a backslash that stands for itself, or what stands for a character that steers a terminal. */
const ESCAPES = /\\\\|\\(?:u[\da-f]{4}|[bfr])/g;

/**
 * A line of JSON that can be shown on a terminal once it is unpacked: control characters in its texts, which may come from
 * tasks, have become the texts that stand for them. Line ends and tabs stay.
 */
export const harmless = (json: string): string =>
  printableJson(json).replace(ESCAPES, (escape) => (escape === "\\\\" ? escape : `\\${escape}`));
