import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import { findFreePort } from "../../dist/dev/free-port.js";
import { RedisProcess } from "../../dist/dev/redis-process.js";
import { TcpProxy } from "./tcp-proxy.js";

/*
 * The Redis side of a run. Another topology (Sentinel, Cluster) is another class with the same methods: `start`, `stop`,
 * `connect(kind, name)` for the URL or options that a process is given, `admin` for the harness' own connections, and
 * whatever a nemesis can do to it.
 */
const PORT_TRIES_MAX = 5;

/** One Redis. With `isProxied` each process reaches it through a TCP proxy of its own. */
export class SingleRedis {
  proxies = new Map();
  #server;
  #folder;
  #config;
  #isProxied;
  #random;
  #redis;

  constructor({ server, folder, random, config = {}, isProxied = false }) {
    this.#server = server;
    this.#folder = join(folder, "redis");
    this.#config = config;
    this.#isProxied = isProxied;
    this.#random = random;
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
    this.admin = new Redis(this.#redis.url, {
      retryStrategy: () => 50,
      maxRetriesPerRequest: null,
      enableOfflineQueue: true,
    });
    this.admin.on("error", () => {}); // it comes back
  }

  async connect(_kind, name) {
    if (!this.#isProxied) return this.#redis.url;
    const proxy = new TcpProxy(this.#redis.port, this.#random);
    await proxy.start();
    this.proxies.set(name, proxy);
    return proxy.url;
  }

  /** Kills Redis and starts it again after a while. Returns when it has loaded its data. */
  async restart(awayMs, sleep) {
    await this.#redis.kill("SIGKILL");
    await sleep(awayMs);
    await this.#redis.start();
  }

  async stop() {
    this.admin?.disconnect();
    for (const proxy of this.proxies.values()) proxy.stop();
    await this.#redis?.kill("SIGKILL");
  }
}
