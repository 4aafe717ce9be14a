/*
 * The workers' diaries: one file of JSON lines for each process, named after its pid, in the demo's folder. They are what
 * the demo holds delayq's own numbers against.
 */
import { openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";

const FILE = /^journal-(\d+)\.ndjson$/;

/** Where a file appears when the bug is fixed. */
export const bugFix = (folder) => join(folder, "bug-is-fixed");

/** Returns a function that appends one entry; when it returns, the system has it. */
export function openJournal(folder) {
  const file = openSync(join(folder, `journal-${process.pid}.ndjson`), "a");
  return (entry) => writeSync(file, `${JSON.stringify(entry)}\n`);
}

/** All entries of all workers, each with the pid of its worker, in the order of each worker's. */
export function readJournals(folder) {
  return readdirSync(folder).flatMap((name) => {
    const pid = Number(FILE.exec(name)?.[1]);
    if (Number.isNaN(pid)) return [];
    const lines = readFileSync(join(folder, name), "utf8").split("\n");
    return lines.filter((line) => line !== "").map((line) => ({ pid, ...JSON.parse(line) }));
  });
}

/** How many reminders a worker has begun and not ended. */
export function heldBy(folder, pid) {
  const mine = readJournals(folder).filter((entry) => entry.pid === pid);
  const begun = mine.filter(({ event }) => event === "started").length;
  return begun - (mine.length - begun);
}
