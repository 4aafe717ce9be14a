import { appendFileSync } from "node:fs";

/** Writes a line for each start, before anything else: what a killed process has begun is on disk. */
const file = `${process.env.REPLAY_FOLDER}/starts.${process.pid}.ndjson`;

export default function start({ id, dueAtMs, startedAtMs }) {
  appendFileSync(
    file,
    `${JSON.stringify({ id, lagMs: Date.now() - dueAtMs, claimedAfterMs: startedAtMs - dueAtMs })}\n`,
  );
}
