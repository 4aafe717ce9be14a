import { NOW } from "./due.js";
import { RoleProcess } from "./role-process.js";

const QUEUE = "bench";
const CONCURRENCY = 100;
const STUCK_MS = 60_000;

/** Runs `use` with a producer process of an engine, which ends with it. */
export async function withProducer({ engine, redis, queue = QUEUE, ...more }, use) {
  const producer = new RoleProcess("producer");
  try {
    await producer.ask("open", { engine, url: redis.url, queue, ...more });
    return await use(producer);
  } finally {
    await producer.stop();
  }
}

/** Worker processes of an engine, on one queue. */
export class Workers {
  #roles = [];
  #completed = new Map();
  #heard = () => {};

  /**
   * @param options.count how many processes
   * @param options.queues for which queues each of them opens a worker; one that is named twice gets two
   * @param options.isCounting whether they count their calls from the beginning
   */
  static async start({
    engine,
    redis,
    count = 1,
    concurrency = CONCURRENCY,
    queues = [QUEUE],
    isCounting = false,
    ...more
  }) {
    const workers = new Workers();
    await Promise.all(
      Array.from({ length: count }, async () => {
        const role = new RoleProcess("worker");
        workers.#roles.push(role);
        role.onReport(({ completed }) => {
          workers.#completed.set(role, completed);
          workers.#heard();
        });
        if (isCounting) await role.ask("startCounting");
        await role.ask("open", { engine, url: redis.url, queues, concurrency, ...more });
      }),
    );
    return workers;
  }

  async askAll(task, options) {
    return await Promise.all(this.#roles.map(async (role) => await role.ask(task, options)));
  }

  get completed() {
    return [...this.#completed.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Resolves when so many tasks are completed. @throws when nothing has moved for a minute */
  async untilCompleted(count) {
    while (this.completed < count) {
      const before = this.completed;
      let timer;
      await new Promise((resolve, reject) => {
        this.#heard = resolve;
        timer = setTimeout(() => {
          if (this.completed === before) reject(new Error(`stuck at ${before} of ${count} tasks`));
          else resolve();
        }, STUCK_MS);
      });
      clearTimeout(timer);
    }
  }

  /** What all of them have noted: `startedAt`, `lags` and `isUrgent` by start, and `completedAt`. */
  async samples() {
    const all = await this.askAll("samples");
    const joined = (name) => all.flatMap((one) => [...one[name]]);
    return {
      startedAt: joined("startedAt"),
      lags: joined("lags"),
      isUrgent: joined("isUrgent"),
      completedAt: joined("completedAt"),
    };
  }

  /** How late the tasks started that were due in a time, in ms. */
  async lagsOfDue(fromMs, toMs = Infinity) {
    const { startedAt, lags } = await this.samples();
    return lags.filter((lag, i) => startedAt[i] - lag >= fromMs && startedAt[i] - lag < toMs);
  }

  async stop() {
    await Promise.all(this.#roles.map(async (role) => await role.stop()));
  }
}

/** Runs `use` with workers, which end with it. */
export async function withWorkers(options, use) {
  const workers = await Workers.start(options);
  try {
    return await use(workers);
  } finally {
    await workers.stop();
  }
}

/** Lets workers run as they do after a while, not as they do just after their start; returns how many tasks that took. */
export async function warmUp(workers, { engine, redis, scale }) {
  const count = scale.warmUp[engine];
  await withProducer({ engine, redis }, (producer) => producer.ask("load", { count, due: NOW }));
  await workers.untilCompleted(count);
  return count;
}
