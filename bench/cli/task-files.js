import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { Random } from "../../test/chaos/random.js";
import { payload } from "../support/payload.js";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const NAMES = ["welcome", "digest", "reminder", "invoice"];
/** One in so many tasks has this name: what is looked for. */
const RARE = { name: "rare", every: 100_000 };
const ERRORS = ["connect ETIMEDOUT", "503 Service Unavailable", "no such user"];
const OPTIONS = {
  attempts: 3,
  backoff: { type: "exponential", delay: 1000 },
  timeoutMs: 0,
  deathsMax: 3,
  keepResultMs: 0,
};
const PROFILE = 1;
const LINES_AT_ONCE = 1000;

/** Writes an export of so many tasks of each state, due all over a week: what `import --restore` brings into Redis quickly. */
export async function writeBackup(path, { queue, delayed, ready, dead }) {
  const random = new Random(queue);
  const nowMs = Date.now();
  const total = delayed + ready + dead;
  const file = new LineFile(path);
  await file.add({
    export: 1,
    queue,
    exportedAt: new Date(nowMs).toISOString(),
    exportedAtMs: nowMs,
    paused: false,
    shards: 4,
    defaults: { [PROFILE]: OPTIONS },
  });
  for (let i = 0; i < total; i++) {
    const state = i < delayed ? "delayed" : i < delayed + ready ? "ready" : "dead";
    await file.add(taskOf(i, state, { random, nowMs }));
  }
  await file.add({ end: true, tasks: total });
  await file.close();
}

/** Writes so many tasks to be added, due all over a week. */
export async function writeTasks(path, count) {
  const random = new Random("tasks");
  const file = new LineFile(path);
  for (let i = 0; i < count; i++) {
    const opts = { delay: random.int(HOUR_MS, 7 * DAY_MS) };
    await file.add({ name: random.pick(NAMES), data: payload(i), opts });
  }
  await file.close();
}

class LineFile {
  #file;
  #lines = [];

  constructor(path) {
    this.#file = createWriteStream(path);
  }

  async add(line) {
    if (this.#lines.push(`${JSON.stringify(line)}\n`) >= LINES_AT_ONCE) await this.#flush();
  }

  async close() {
    await this.#flush();
    this.#file.end();
    await once(this.#file, "close");
  }

  async #flush() {
    if (!this.#file.write(this.#lines.splice(0).join(""))) await once(this.#file, "drain");
  }
}

function taskOf(i, state, { random, nowMs }) {
  const pastMs = random.int(1, 7 * DAY_MS);
  const dueAtMs = state === "delayed" ? nowMs + random.int(HOUR_MS, 7 * DAY_MS) : nowMs - pastMs;
  return {
    id: `task-${i}`,
    name: i % RARE.every === 0 ? RARE.name : random.pick(NAMES),
    state,
    priority: 0,
    addedAtMs: nowMs - 8 * DAY_MS,
    firstDueAtMs: dueAtMs,
    dueAtMs,
    attemptsUsed: state === "dead" ? 3 : 0,
    deaths: 0,
    profile: PROFILE,
    options: OPTIONS,
    ...(state === "dead" && {
      diedAtMs: nowMs - random.int(0, pastMs - 1),
      error: { name: "Error", message: random.pick(ERRORS) },
    }),
    data: payload(i),
  };
}
