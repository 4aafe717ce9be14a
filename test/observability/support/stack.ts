import { createServer, type Server } from "node:http";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { findFreePort } from "../../../src/dev/free-port.ts";
import { SentinelSet } from "../../../src/dev/sentinel-set.ts";
import { ServerChild } from "../../../src/dev/server-child.ts";
import { waitUntil } from "../../../src/dev/wait-until.ts";
import { Queue } from "../../../src/index.ts";
import { bin, runCli } from "../../cli/support/cli.ts";
import { openClient } from "../../support/topologies.ts";
import { AlertmanagerApi } from "./alertmanager-api.ts";
import { alertmanagerCommand } from "./alertmanager-command.ts";
import { PrometheusApi } from "./prometheus-api.ts";
import type { PrometheusTools } from "./prometheus-tools.ts";

const DEPLOY = new URL("../../../deploy/prometheus/", import.meta.url).pathname;
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;
/** How many of the last lines of each process are shown when one does not come up. */
const LOG_LINES = 3;

/** What a worker runs: tasks that go well, fail once, fail for good, and take too long. */
const HANDLERS = `
export async function well() {}
export async function slow() { await new Promise((resolve) => setTimeout(resolve, 50)); }
export async function fails() { throw new Error("meant to fail"); }
export async function hangs(task, { signal }) {
  await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}
`;

/** What Alertmanager sends to a webhook, as far as it is looked at here. */
export interface Notification {
  readonly receiver: string;
  readonly status: "firing" | "resolved";
  readonly atMs: number;
  readonly alerts: readonly { readonly status: string; readonly labels: Readonly<Record<string, string>> }[];
}

/** A process of delayq that tells metrics. */
export interface Told {
  readonly child: ServerChild;
  /** http://host:port */
  readonly address: string;
}

/**
 * All of it, as it is in production: a Redis master with a replica and Sentinels, an exporter, a worker without a scheduler
 * and a scheduler, each a process of its own; a Prometheus with the example configuration that is shipped and an
 * Alertmanager with its; and a webhook that hears of alerts.
 */
export class Stack {
  readonly notifications: Notification[] = [];
  readonly queue: Queue;
  readonly #redis: SentinelSet;
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #children = new Set<ServerChild>();
  #webhook: Server | undefined;
  #producing: NodeJS.Timeout | undefined;
  #prometheus: PrometheusApi | undefined;
  #alertmanager: AlertmanagerApi | undefined;

  private constructor(redis: SentinelSet, folder: string) {
    this.#redis = redis;
    this.#folder = folder;
    this.#env = {
      ...process.env,
      DELAYQ_REDIS_SENTINELS: redis.sentinels.map(({ host, port }) => `${host}:${port}`).join(","),
      DELAYQ_REDIS_MASTER: redis.name,
    };
    const logger = pino({ level: "silent" });
    this.queue = new Queue("q", { connection: redis.connection, shards: 4, logger });
  }

  static async start(): Promise<Stack> {
    // A limit, so that there is a share of it to tell.
    const redis = await SentinelSet.start({ openClient, replicas: 1, config: { maxmemory: "1gb" } });
    const folder = await mkdtemp(join(tmpdir(), "delayq-stack-"));
    await writeFile(join(folder, "handlers.mjs"), HANDLERS);
    return new Stack(redis, folder);
  }

  get prometheus(): PrometheusApi {
    if (this.#prometheus === undefined) throw new Error("Prometheus was not started");
    return this.#prometheus;
  }

  get alertmanager(): AlertmanagerApi {
    if (this.#alertmanager === undefined) throw new Error("Alertmanager was not started");
    return this.#alertmanager;
  }

  /** Runs `delayq`; resolves when it serves its metrics. */
  async delayq(...args: string[]): Promise<Told> {
    const child = this.#spawn(process.execPath, [bin, ...args]);
    const address = await waitUntil(`delayq ${args[0]} to serve metrics`, START_TIMEOUT_MS, async () => {
      const line = child.log.lines.find((line) => line.includes("serving metrics"));
      return line === undefined ? await Promise.resolve(undefined) : /http:\/\/[\w.:[\]]+/.exec(line)?.[0];
    });
    return { child, address: address.replace(/\/\/.*:/, "//127.0.0.1:") };
  }

  async exporter(): Promise<Told> {
    return await this.delayq("exporter", "--port", "0", "--host", "127.0.0.1");
  }

  async worker(): Promise<Told> {
    const handlers = join(this.#folder, "handlers.mjs");
    const what = ["--queue", "q", "--handler", handlers, "--no-scheduler", "--grace-ms", "0"];
    return await this.delayq("worker", ...what, "--metrics-port", "0", "--metrics-host", "127.0.0.1");
  }

  async scheduler(): Promise<Told> {
    return await this.delayq(
      "scheduler",
      "--queue",
      "q",
      "--metrics-port",
      "0",
      "--metrics-host",
      "127.0.0.1",
    );
  }

  async export(): Promise<void> {
    const { code, stderr } = await runCli(["export", "q"], { env: this.#env });
    if (code !== 0) throw new Error(`delayq export failed: ${stderr}`);
  }

  /** Adds tasks of all kinds, until the end, and once one that no worker handles. */
  produce(): void {
    const { queue } = this;
    void queue.add("forgotten", 0).catch(() => {});
    const add = async (): Promise<void> => {
      await queue.addBulk([
        ...Array.from({ length: 20 }, (_, i) => ({ name: "well", data: i, opts: { delay: i * 50 } })),
        ...Array.from({ length: 4 }, (_, i) => ({ name: "slow", data: i })),
        { name: "fails", data: 0, opts: { attempts: 2, backoff: { type: "fixed" as const, delay: 100 } } },
        { name: "fails", data: 0, opts: { attempts: 1 } },
        { name: "hangs", data: 0, opts: { attempts: 1, timeoutMs: 200 } },
        { name: "well", data: 0, opts: { delay: 200_000 } },
      ]);
    };
    this.#producing = setInterval(() => void add().catch(() => {}), 250);
  }

  /** Starts both with what is shipped, except for addresses, and for how often processes are scraped. */
  async watch(
    tools: PrometheusTools,
    targets: { exporter: string; processes: readonly string[] },
  ): Promise<void> {
    const hook = await this.#listen();
    const alertmanager = await findFreePort();
    const prometheus = await findFreePort();
    const host = (url: string): string => url.replace("http://", "");
    const rules = await this.#shipped("delayq.rules.yml", {});
    await this.#shipped("alertmanager.yml", { "127.0.0.1:5001": `127.0.0.1:${hook}` });
    await this.#shipped("prometheus.yml", {
      "scrape_interval: 15s": "scrape_interval: 2s",
      "- delayq.rules.yml": `- ${rules}`,
      '"127.0.0.1:9464"': JSON.stringify(host(targets.exporter)),
      '"127.0.0.1:9465", "127.0.0.1:9466"': targets.processes
        .map((url) => JSON.stringify(host(url)))
        .join(", "),
      '"127.0.0.1:9093"': `"127.0.0.1:${alertmanager}"`,
    });
    const inFolder = (name: string): string => join(this.#folder, name);
    const [command, ...args] = await alertmanagerCommand(tools.alertmanager, this.#folder);
    this.#spawn(command, [
      ...args,
      `--config.file=${inFolder("alertmanager.yml")}`,
      `--storage.path=${inFolder("alertmanager-data")}`,
      `--web.listen-address=127.0.0.1:${alertmanager}`,
      "--cluster.listen-address=",
    ]);
    this.#spawn(tools.prometheus, [
      `--config.file=${inFolder("prometheus.yml")}`,
      `--storage.tsdb.path=${inFolder("prometheus-data")}`,
      `--web.listen-address=127.0.0.1:${prometheus}`,
    ]);
    this.#prometheus = new PrometheusApi(`http://127.0.0.1:${prometheus}`);
    this.#alertmanager = new AlertmanagerApi(`http://127.0.0.1:${alertmanager}`);
    for (const port of [prometheus, alertmanager]) {
      const ready = `http://127.0.0.1:${port}/-/ready`;
      await waitUntil(ready, START_TIMEOUT_MS, () => fetch(ready).then(({ ok }) => ok)).catch(
        (error: Error) => {
          const logs = [...this.#children].map(({ log }) => log.lines.slice(-LOG_LINES).join("\n"));
          throw new Error(logs.join("\n\n"), { cause: error });
        },
      );
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#producing);
    await this.queue.close();
    await Promise.all([...this.#children].map(endChild));
    this.#webhook?.closeAllConnections();
    this.#webhook?.close();
    await this.#redis.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #spawn(command: string, args: readonly string[]): ServerChild {
    const child = new ServerChild({ command, args, env: this.#env, containerName: undefined });
    this.#children.add(child);
    return child;
  }

  /** A copy of a file of deploy/prometheus in which each of these texts, which must be there, is replaced. */
  async #shipped(name: string, replacements: Readonly<Record<string, string>>): Promise<string> {
    let text = await readFile(join(DEPLOY, name), "utf8");
    for (const [before, after] of Object.entries(replacements)) {
      if (!text.includes(before)) throw new Error(`Expected ${before} in ${name}`);
      text = text.replaceAll(before, after);
    }
    const path = join(this.#folder, name);
    await writeFile(path, text);
    return path;
  }

  async #listen(): Promise<number> {
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        this.notifications.push({ ...(JSON.parse(body) as Notification), atMs: Date.now() });
        response.end();
      });
    });
    this.#webhook = server;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  }
}

async function endChild(child: ServerChild): Promise<void> {
  await child.signal("SIGTERM");
  if (await child.endsWithin(STOP_TIMEOUT_MS)) return;
  await child.signal("SIGKILL");
  await child.ended;
}
