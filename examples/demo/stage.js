/*
 * All that the demo brings along: a Redis, a folder, processes. It is taken away again however the play ends: when it is
 * over, when it breaks off, on Ctrl-C, and when a process dies that nobody killed.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { startDevRedis } from "../../dist/dev/dev-redis.js";
import { Queue } from "delayq";
import { startDelayq } from "./processes.js";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];
const NO_REDIS_CODES = ["DELAYQ_NO_REDIS", "DELAYQ_REDIS_START_FAILED"];
const NO_REDIS_EXIT_CODE = 3;

/** Sets the stage, plays, and cleans up. Returns the exit code: the play's own, or that of what broke it off. */
export async function onStage(play, say) {
  const stage = new Stage(say);
  try {
    return await Promise.race([stage.isOver, stage.set().then(() => play(stage))]);
  } catch (error) {
    say(error.code === undefined ? error.stack : error.message);
    return NO_REDIS_CODES.includes(error.code) ? NO_REDIS_EXIT_CODE : 1;
  } finally {
    await stage.clear();
  }
}

class Stage {
  /** For what the workers write down. */
  folder = mkdtempSync(join(tmpdir(), "delayq-demo-"));
  /** Resolves with an exit code on a signal, rejects when the play is broken off. */
  isOver;
  /** Ends the play with an error. */
  breakOff;
  #say;
  #redis;
  #queue;
  #processes = [];

  constructor(say) {
    this.#say = say;
    this.isOver = new Promise((resolve, reject) => {
      this.breakOff = reject;
      for (const signal of SIGNALS) {
        process.once(signal, () => {
          // A second one ends the process at once; even then everything goes with it.
          process.once(signal, () => process.exit(128 + constants.signals[signal]));
          resolve(128 + constants.signals[signal]);
        });
      }
    });
  }

  async set() {
    this.#redis = await startDevRedis({ onProgress: this.#say });
    const { url, version, source } = this.#redis;
    this.#say(source === "url" ? `Redis is at ${url}` : `a private Redis ${version ?? ""} is at ${url}`);
  }

  openQueue(name, options) {
    this.#queue = new Queue(name, { ...options, connection: this.#redis.url });
    return this.#queue;
  }

  /** Starts a `delayq` process that is to run until it is stopped or killed. */
  start(command, ...args) {
    const env = { DELAYQ_REDIS_URL: this.#redis.url, DELAYQ_DEMO_FOLDER: this.folder };
    const started = startDelayq([...command.split(" "), ...args], env, this.breakOff);
    this.#processes.push(started);
    return started;
  }

  async clear() {
    await Promise.all(this.#processes.map((started) => started.stop()));
    // A private Redis goes as a whole; one that DELAYQ_REDIS_URL names is left as it was.
    if (this.#redis?.source === "url") await this.#queue?.obliterate({ force: true }).catch(() => {});
    await this.#queue?.close();
    await this.#redis?.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
