import { openSync, readFileSync, writeSync } from "node:fs";

/*
 * What a process did, an object a line, written at once and synchronously: what stands in the log has happened, also when
 * the process was killed in the next instant. Times are of the monotonic clock, which all processes of a host share, so
 * that a host clock that is off does not reach them.
 */

export const monotonicMs = () => Number(process.hrtime.bigint()) / 1e6;

/** Returns a function that writes one event. */
export function openLog(path) {
  const file = openSync(path, "a");
  return (event, fields = {}) => {
    writeSync(file, `${JSON.stringify({ event, t: monotonicMs(), ...fields })}\n`);
  };
}

/** Reads a log back. The last line may be torn: its writer was killed. */
export function readLog(path) {
  const events = [];
  for (const line of readFileSync(path, "utf8").split("\n")) {
    try {
      if (line !== "") events.push(JSON.parse(line));
    } catch {
      break;
    }
  }
  return events;
}
