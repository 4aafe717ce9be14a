/*
 * What a worker of the demo runs for each reminder. It writes down what it does before it does it, each time with one
 * write to a file of its own: what a process wrote is still there after it was killed.
 */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { bugFix, openJournal } from "./journal.js";

const SLOW_MS = 1000;

const folder = process.env.DELAYQ_DEMO_FOLDER;
const write = openJournal(folder);

export async function remind(task) {
  const { id, attempt, startedAtMs, dueAtMs } = task;
  write({ event: "started", id, attempt, atMs: Date.now(), startedAtMs, dueAtMs });
  try {
    await send(task);
    write({ event: "sent", id });
  } catch (error) {
    write({ event: "failed", id });
    throw error;
  }
}

async function send({ data, attempt }) {
  if (data.kind === "slow") await sleep(SLOW_MS);
  if (data.kind === "flaky" && attempt === 1) throw new Error("the mail server is busy");
  if (data.kind === "broken" && !existsSync(bugFix(folder))) throw new Error("no address for this customer");
}
