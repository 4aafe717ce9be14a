import { once } from "node:events";
import { EXIT } from "./exit.ts";

/*
 * All that the commands write: data on stdout, the rest on stderr. Text that came from tasks or from outside must not
 * steer the terminal, so what a terminal would obey is shown instead.
 */
const CONTROLS = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const CONTROLS_BUT_LINES = /(?!\n)[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
/** What JSON leaves as it is, though some terminals obey it. */
const CONTROLS_IN_JSON = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

const escaped = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** For messages that repeat what somebody typed: a URL in it may hold a password. */
export const withoutSecrets = (text: string): string =>
  text.replace(/(:\/\/)[^\s'"]*@/g, "$1***@").replace(/([?&]\w*password=)[^\s'"&]*/gi, "$1***");

/** On one line, with control characters shown as JSON would. */
export const printable = (text: string): string => text.replace(CONTROLS, escaped);

/** The same for text of several lines, which stay lines. */
export const printableLines = (text: string): string => text.replace(CONTROLS_BUT_LINES, escaped);

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** One JSON document on one line. */
export function printJson(value: unknown): void {
  print(printableJson(JSON.stringify(value)));
}

/** The same documents, for a terminal too. */
export const printableJson = (json: string): string => json.replace(CONTROLS_IN_JSON, escaped);

/** Waits until whoever reads has caught up: for commands that print without end. */
export async function drained(): Promise<void> {
  if (process.stdout.writableNeedDrain) await once(process.stdout, "drain");
}

/** To the person at the terminal, on stderr. */
export function say(message: string): void {
  process.stderr.write(`delayq: ${printableLines(message)}\n`);
}

/** Whoever reads may stop reading, as `head` does: that ends a command without a word. A full disk does not. */
export function quietBrokenPipes(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit();
    say(`stdout cannot be written: ${error.message}`);
    process.exit(EXIT.failed);
  });
  process.stderr.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

export const grouped = (count: number): string => count.toLocaleString("en-US");
