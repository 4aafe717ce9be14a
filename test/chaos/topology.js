import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import { findFreePort } from "../../dist/dev/free-port.js";
import { RedisProcess } from "../../dist/dev/redis-process.js";
import { TcpProxy } from "./tcp-proxy.js";

/*
 * The Redis side of a run. A scenario names the class; each has
 *
 *   start(), stop()
 *   connect(kind, name)   how a process reaches it, as JSON: { url }, { options } or { nodes, options }, see roles/connection.js
 *   masters()             those that take writes now; each is told things by call(command, ...args)
 *   byKey()               which of them has a key, as a function
 *
 * and whatever a nemesis can do to it. Whoever asks during a failover may be told that there is no master.
 *
 * Each is made from { server, folder, seed, config, isProxied, form, ...scenario.setting(form) }.
 */
const PORT_TRIES_MAX = 5;

/** One Redis. With `isProxied` each process reaches it through a TCP proxy of its own. */
export class SingleRedis {
  proxies = new Map();
  #server;
  #folder;
  #config;
  #isProxied;
  #seed;
  #redis;
  #admin;

  /** @param seed of what the proxies do at random */
  constructor({ server, folder, seed, config = {}, isProxied = false }) {
    this.#server = server;
    this.#folder = join(folder, "redis");
    this.#config = config;
    this.#isProxied = isProxied;
    this.#seed = seed;
  }

  async start() {
    await mkdir(this.#folder, { recursive: true });
    const options = { server: this.#server, dir: this.#folder, config: this.#config };
    for (let tries = 1; ; tries++) {
      const redis = new RedisProcess({ ...options, port: await findFreePort() });
      try {
        await redis.start();
        this.#redis = redis;
        break;
      } catch (error) {
        if (!redis.isPortTaken || tries === PORT_TRIES_MAX) throw error;
      }
    }
    this.#admin = new Redis(this.#redis.url, {
      retryStrategy: () => 50,
      maxRetriesPerRequest: null,
      enableOfflineQueue: true,
    });
    this.#admin.on("error", () => {}); // it comes back
  }

  async masters() {
    return [this.#admin];
  }

  async byKey() {
    return () => this.#admin;
  }

  async connect(_kind, name) {
    if (!this.#isProxied) return { url: this.#redis.url };
    const proxy = new TcpProxy(this.#redis.port, `${this.#seed} ${name}`);
    await proxy.start();
    this.proxies.set(name, proxy);
    return { url: proxy.url };
  }

  /** Kills Redis and starts it again after a while. Returns when it answers and has loaded its data. */
  async restart(awayMs, sleep) {
    await this.#redis.kill("SIGKILL");
    await sleep(awayMs);
    await this.#redis.start();
  }

  async stop() {
    this.#admin?.disconnect();
    for (const proxy of this.proxies.values()) proxy.stop();
    await this.#redis?.kill("SIGKILL");
  }
}

/** Sends the same to all masters. */
export async function callAll(topology, ...command) {
  const masters = await topology.masters();
  return await Promise.all(masters.map(async (redis) => await redis.call(...command)));
}

/** How often Redis has refused calls with an error of this code, on all masters. */
export async function refusalsOf(topology, code) {
  const all = await callAll(topology, "INFO", "errorstats");
  const pattern = new RegExp(`errorstat_${code}:count=(\\d+)`);
  return all.reduce((sum, info) => sum + Number(pattern.exec(info)?.[1] ?? 0), 0);
}

/** What tells one run of the servers from the next. */
export async function runIdsOf(topology) {
  const all = await callAll(topology, "INFO", "server");
  return all.map((info) => /run_id:(\w+)/.exec(info)[1]);
}
