/**
 * Replays recorded arrivals through the real command line: a scheduler and two workers as processes of their own, `delayq
 * import` for the file, and then one look at who ran what and how late.
 *
 *   npm run bench:replay -- FILE --delay-field offsetMs --speed 30 --start-in 5s
 *
 * Everything behind FILE goes to `delayq import` as it is. Exits 0 if every line ran exactly once and none before its time.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startDevRedis } from "../dist/dev/dev-redis.js";
import { Queue } from "../dist/index.js";

const QUEUE = "replay";
const WORKERS = 2;
const PATIENCE_MS = 600_000;
const [file, ...importFlags] = process.argv.slice(2);

if (file === undefined) {
  console.error("usage: npm run bench:replay -- FILE [flags of delayq import]");
  process.exit(2);
}

const redis = await startDevRedis({ onProgress: console.error });
const folder = await mkdtemp(join(tmpdir(), "delayq-replay-"));
const env = { ...process.env, DELAYQ_REDIS_URL: redis.url, REPLAY_FOLDER: folder };
const queue = new Queue(QUEUE, { connection: redis.url });
const roles = [delayq("scheduler", "--queue", QUEUE)];
try {
  for (let i = 0; i < WORKERS; i++) roles.push(worker());
  await Promise.all(roles.map(async ({ stderr }) => await once(stderr, "data"))); // each says that it has started
  const importer = delayq("import", QUEUE, file, ...importFlags);
  importer.stdout.pipe(process.stdout);
  importer.stderr.pipe(process.stderr);
  const [code] = await once(importer, "close");
  if (code !== 0) throw new Error(`the import ended with code ${code}`);
  process.exitCode = report(await drained()) ? 0 : 1;
} finally {
  for (const role of roles) role.kill("SIGTERM");
  await Promise.all(roles.map(async (role) => role.exitCode ?? (await once(role, "exit"))));
  await queue.close();
  await redis.stop();
  await rm(folder, { recursive: true });
}

function delayq(...args) {
  const script = new URL("../bin/delayq.js", import.meta.url).pathname;
  return spawn(process.execPath, [script, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
}

function worker() {
  const handler = new URL("replay-handler.js", import.meta.url).pathname;
  return delayq("worker", "--queue", QUEUE, "--handler", handler, "--no-scheduler", "--concurrency", "20");
}

/** Waits until every task has ended; then the starts, and how many there should be. */
async function drained() {
  const endMs = performance.now() + PATIENCE_MS;
  let counters = {};
  do {
    await sleep(200);
    ({ counters } = await queue.stats());
  } while ((counters.completed ?? 0) < counters.added && performance.now() < endMs);
  const files = (await readdir(folder)).map(async (name) => await readFile(join(folder, name), "utf8"));
  const lines = (await Promise.all(files)).flatMap((text) => text.trim().split("\n"));
  return { added: counters.added, starts: lines.filter(Boolean).map((line) => JSON.parse(line)) };
}

function report({ added, starts }) {
  const lags = starts.map(({ lagMs }) => lagMs).toSorted((a, b) => a - b);
  const at = (share) => lags[Math.min(lags.length - 1, Math.floor(lags.length * share))];
  const ran = new Set(starts.map(({ id }) => id)).size;
  const early = starts.filter(({ claimedAfterMs }) => claimedAfterMs < 0).length;
  console.log(
    JSON.stringify({
      added,
      starts: starts.length,
      ran,
      early,
      lagMs: { p50: at(0.5), p99: at(0.99), max: at(1) },
    }),
  );
  return ran === added && starts.length === added && early === 0;
}
