import { readFile } from "node:fs/promises";
import { Redis } from "ioredis";
import { startDevRedis } from "../../dist/dev/dev-redis.js";
import { DelayProxy } from "./delay-proxy.js";

// Only an orderly exit removes the folder of the server.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));

/** The private Redis of a run. Never one that is named from outside: it is emptied again and again. */
export class BenchRedis {
  #server;
  #admin;
  #proxy;

  /**
   * @param options.config more of Redis' configuration
   * @param options.networkMs by how much every answer is delayed, for all but `admin`; 0 for no proxy
   */
  static async start({ config = {}, networkMs = 0 } = {}) {
    const redis = new BenchRedis();
    const env = { ...process.env, DELAYQ_REDIS_URL: "" };
    redis.#server = await startDevRedis({ config, env, onProgress: (line) => console.error(line) });
    redis.#admin = new Redis(redis.#server.url);
    if (networkMs > 0) {
      redis.#proxy = new DelayProxy(Number(new URL(redis.#server.url).port), networkMs);
      await redis.#proxy.start();
    }
    return redis;
  }

  get url() {
    return this.#proxy?.url ?? this.#server.url;
  }

  get version() {
    return this.#server.version;
  }

  get admin() {
    return this.#admin;
  }

  async flush() {
    await this.#admin.flushall("SYNC");
    await this.#admin.config("RESETSTAT");
  }

  async set(name, value) {
    await this.#admin.config("SET", name, String(value));
  }

  /** The fields of a section of INFO. */
  async info(section) {
    const text = await this.#admin.info(section);
    const lines = text.split("\r\n").filter((line) => line.includes(":"));
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]),
    );
  }

  async usedMemory() {
    return Number((await this.info("memory")).used_memory);
  }

  /** What Redis has done since it started: commands, those within scripts too, and processor time. */
  async effort() {
    const { total_commands_processed: commands } = await this.info("stats");
    const { used_cpu_sys: sys, used_cpu_user: user } = await this.info("cpu");
    return { commands: Number(commands), cpuUs: (Number(sys) + Number(user)) * 1e6 };
  }

  /** How often Redis had to wait for a processor in the middle of its work; undefined where Linux does not tell. */
  async preemptions() {
    const { pid } = this.#server;
    try {
      const status = await readFile(`/proc/${pid}/task/${pid}/status`, "utf8");
      return Number(/nonvoluntary_ctxt_switches:\s*(\d+)/.exec(status)[1]);
    } catch {
      return undefined;
    }
  }

  async stop() {
    this.#admin.disconnect();
    this.#proxy?.stop();
    await this.#server.stop();
  }
}
