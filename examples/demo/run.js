/*
 * The main job on a screen. Thousands of reminders fall due within seconds; a scheduler and two workers, each a process of
 * its own, run them. Half-way one worker is killed with work in its hands, some reminders fail for good, then their bug is
 * fixed and they are requeued. At the end every reminder is accounted for, or the demo ends with code 1.
 *
 * It brings a Redis of its own, and takes everything away when it ends. DELAYQ_DEMO_SECONDS says over how many seconds the
 * reminders are spread; 20 if it says nothing.
 */
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { account } from "./account.js";
import { bugFix, heldBy, readJournals } from "./journal.js";
import { makeReminders } from "./reminders.js";
import { say, showFaults, showProgress, showTable } from "./report.js";
import { onStage } from "./stage.js";

const SECONDS = Number(process.env.DELAYQ_DEMO_SECONDS ?? 20);
const LEAD_MS = 1500;
const LEASE_MS = 3000;
const PATIENCE_MS = 20_000;
const HELD_AT_KILL = 5;
const LOOK_MS = 50;

const QUEUE = `demo-${process.pid}`;
const HANDLER = fileURLToPath(new URL("handler.js", import.meta.url));
const DEFAULTS = { attempts: 3, backoff: { type: "exponential", delay: 250 } };

async function play(stage) {
  const queue = stage.openQueue(QUEUE, { defaults: DEFAULTS });
  stage.start(`scheduler --queue ${QUEUE} --log-level warn`);
  const worker = `worker --queue ${QUEUE} --concurrency 50 --lease-ms ${LEASE_MS} --no-scheduler --log-level warn`;
  const doomed = stage.start(worker, "--handler", HANDLER);
  stage.start(worker, "--handler", HANDLER);
  say("one scheduler and two workers are starting, each a process of its own");

  const firstAtMs = Date.now() + LEAD_MS;
  const reminders = makeReminders({ seconds: SECONDS, firstAtMs });
  await queue.addBulk(reminders);
  say(`${reminders.length} reminders are added, due over the next ${SECONDS} s`);
  const progress = new AbortController();
  void showProgress(() => queue.stats(), progress.signal).catch(stage.breakOff);

  await sleepUntil(firstAtMs + (SECONDS * 1000) / 2);
  await until(() => heldBy(stage.folder, doomed.pid) >= HELD_AT_KILL);
  await doomed.kill();
  const held = heldBy(stage.folder, doomed.pid);
  say(
    `worker ${doomed.pid} was killed with SIGKILL while it ran ${held} reminders; their leases last ${LEASE_MS} ms`,
  );

  await sleepUntil(firstAtMs + SECONDS * 1000);
  await until(async () => hasOnly(await queue.counts(), "dead"));
  const { dead } = await queue.counts();
  say(`${dead} reminders have failed for good; now their bug is fixed`);
  writeFileSync(bugFix(stage.folder), "");
  const { requeued = 0 } = await queue.requeue({});
  say(`${requeued} are requeued`);
  await until(async () => hasOnly(await queue.counts(), "done"));
  progress.abort();

  const { counters } = await queue.stats();
  const result = account({ reminders, entries: readJournals(stage.folder), counters, killedPid: doomed.pid });
  showTable({ counters, ...result });
  showFaults(result.faults);
  say(
    result.faults.length === 0
      ? "every reminder is accounted for"
      : `${result.faults.length} things are wrong`,
  );
  return result.faults.length === 0 ? 0 : 1;
}

const hasOnly = (counts, state) =>
  ["delayed", "ready", "leased", "dead"].every((other) => other === state || counts[other] === 0);

const sleepUntil = async (atMs) => await sleep(Math.max(0, atMs - Date.now()));

/** Waits until something is so, but not for ever: what is missing then is for the account to find. */
async function until(isSo) {
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (!(await isSo()) && performance.now() < deadlineMs) await sleep(LOOK_MS);
}

process.exit(await onStage(play, say));
