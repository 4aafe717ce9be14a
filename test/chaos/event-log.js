import { openSync, readFileSync, writeSync } from "node:fs";

/*
 * What a process did, an object a line, written at once and synchronously: what stands in the log has happened, also when
 * the process was killed in the next instant. Times are of the monotonic clock, which all processes of a host share, so
 * that a host clock that is off does not reach them.
 */

const EPOCH_LOOKS = 10_000;

export const monotonicMs = () => Number(process.hrtime.bigint()) / 1e6;

/** The wall clock at monotonic 0. Whoever is put off between two looks at clocks sees too little: so the most of many is right. */
export function epochMs() {
  return Math.max(...Array.from({ length: EPOCH_LOOKS }, () => Date.now() - monotonicMs()));
}

/** Returns a function that writes one event. */
export function openLog(path) {
  const file = openSync(path, "a");
  return (event, fields = {}) => {
    writeSync(file, `${JSON.stringify({ event, t: monotonicMs(), ...fields })}\n`);
  };
}

/** Reads a log back. */
export function readLog(path) {
  return parseLog(readFileSync(path, "utf8"));
}

/** The last line may be torn: its writer was killed. */
export function parseLog(text) {
  const events = [];
  for (const line of text.split("\n")) {
    try {
      if (line !== "") events.push(JSON.parse(line));
    } catch {
      break;
    }
  }
  return events;
}
