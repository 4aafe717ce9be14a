import type { ServerFacts } from "../core/doctor-facts.ts";
import { TASK_STATES } from "../core/task.ts";
import { DUE_WITHIN_MS, takeCensus, type Census, type QueueCensus } from "../queue/census.ts";
import { bounded } from "../runtime/bounded.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Connection } from "../store/connection.ts";
import { nameOfRedis, readServers, type ServersAsked } from "../store/redis-facts.ts";
import { EXPORTER_METRICS } from "./catalogue.ts";
import { Family, type MetricsRegistry, type Reading } from "./family.ts";
import { HighWater } from "./high-water.ts";

/**
 * Tells of whole queues and of Redis, from one place, so that nothing is counted twice.
 *
 * A reading is over within 2.5 s, whatever Redis does: what could not be read by then is left out, and counted as an error.
 * Calls end a little before, so that what was read by then is told.
 * Whoever asks while one is under way gets that one.
 */
export interface ExporterOptions {
  readonly prefix: string;
  /** None for all of the registry. */
  readonly queues: readonly string[];
  readonly logger: Logger;
}

interface Snapshot {
  readonly servers: readonly ServerFacts[];
  /** Of each that is known whether it answers. */
  readonly up: ReadonlyMap<string, boolean>;
  readonly census: Census | undefined;
}

const NOBODY: ServersAsked = { servers: [], unreachable: [] };
const READ_MS = 2500;
const CALLS_MS = 2300;
const CONNECT_MS = 1000;
/** How long a server that is not named any more is told to be down: it may have been replaced. */
const REMEMBERED_MS = 600_000;
/** Of Redis' counters, those that are told, and as what. */
const EVENTS: Readonly<Record<string, string>> = {
  added: "added",
  completed: "completed",
  failed: "failed",
  retried: "retried",
  dead: "dead",
  requeued: "requeued",
  cancelled: "cancelled",
  purged: "purged",
  expired: "expired",
  released: "released",
  recovered: "recovered",
  restored: "restored",
  timedOut: "timed_out",
};

type Name = keyof typeof EXPORTER_METRICS;
type Part = "servers" | "registry" | "queue";

export class QueueExporter {
  readonly #connection: Connection;
  readonly #options: ExporterOptions;
  readonly #errors: Record<Part, number> = { servers: 0, registry: 0, queue: 0 };
  /** When each server answered last, on the clock of `performance.now()`. */
  readonly #answered = new Map<string, number>();
  readonly #counted = new HighWater();
  #snapshot: Snapshot = { servers: [], up: new Map<string, boolean>(), census: undefined };
  #lastSuccessMs: number | undefined;
  /** Parts, and with their names queues and servers, whose last reading failed. */
  #failing: ReadonlySet<string> = new Set();
  /** The same of the reading that is under way. */
  readonly #failed = new Set<string>();
  #missing: readonly string[] = [];
  #next: string | undefined;
  #reading: Promise<void> | undefined;

  constructor(connection: Connection, options: ExporterOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** What `read` found last is what the registry shows. */
  register(registry: MetricsRegistry): void {
    for (const family of this.#families()) family.register(registry);
  }

  async read(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  async #read(): Promise<void> {
    const beganMs = performance.now();
    const endMs = beganMs + READ_MS;
    const deadlineMs = beganMs + CALLS_MS;
    const { prefix, queues: wanted } = this.#options;
    const ready = this.#connection.ready({ deadlineMs: beganMs + CONNECT_MS });
    this.#failed.clear();
    const [asked, counted] = await Promise.all([
      this.#part("servers", endMs, async () => readServers(await ready, { deadlineMs, asksSettings: false })),
      this.#part("registry", endMs, async () => {
        await ready;
        return await takeCensus(this.#connection, prefix, { wanted, next: this.#next, deadlineMs });
      }),
    ]);
    const { servers, unreachable } = typeof asked === "string" ? NOBODY : asked;
    const census = typeof counted === "string" ? undefined : counted;
    for (const { address } of unreachable)
      this.#fail("servers", new Error("it did not answer in time"), address);
    for (const [queue, error] of census?.failures ?? []) this.#fail("queue", error, queue);
    if (census !== undefined) this.#noteCensus(census);
    // That all together took too long says nothing of any.
    const up = asked === "late" ? new Map<string, boolean>() : this.#upOf({ servers, unreachable });
    this.#snapshot = { servers, up, census };
    if (this.#failed.size === 0) this.#lastSuccessMs = Date.now();
    this.#failing = new Set(this.#failed);
  }

  /** What a part found, or that it failed or took too long. */
  async #part<T>(part: Part, endMs: number, find: () => Promise<T>): Promise<T | "failed" | "late"> {
    try {
      const found = find();
      if (await bounded(found, endMs - performance.now())) return await found;
      this.#fail(part, new Error(`it took longer than ${READ_MS} ms`));
      return "late";
    } catch (error) {
      this.#fail(part, error);
      return "failed";
    }
  }

  /** The first of several in a row is worth a warning. @param name of a queue or a server */
  #fail(part: Part, error: unknown, name?: string): void {
    const { logger } = this.#options;
    const key = name === undefined ? part : `${part} ${name}`;
    this.#errors[part]++;
    const what = part === "queue" ? { queue: name } : { server: name };
    logger[this.#failing.has(key) ? "debug" : "warn"]({ err: error, part, ...what }, "reading failed");
    this.#failed.add(key);
  }

  /** A queue that is asked for by a wrong name is shown nowhere: so it is said once. One that is gone begins anew. */
  #noteCensus({ queues, failures, missing, next }: Census): void {
    this.#counted.keep(new Set([...queues.map(({ queue }) => queue), ...failures.keys()]));
    for (const queue of missing) {
      if (this.#missing.includes(queue)) continue;
      this.#options.logger.warn(
        { queue },
        "there is no such queue (yet): check its name and the prefix; it is told of as soon as tasks are added",
      );
    }
    this.#missing = missing;
    this.#next = next;
  }

  /**
   * Nothing is said of one that had too little time to answer while others answered, and of those that a master would have
   * named that did not answer.
   */
  #upOf({ servers, unreachable }: ServersAsked): ReadonlyMap<string, boolean> {
    const nowMs = performance.now();
    for (const { address } of servers) this.#answered.set(address, nowMs);
    // When none answers, all that were known stay known.
    for (const [address, atMs] of this.#answered)
      if (servers.length > 0 && nowMs - atMs > REMEMBERED_MS) this.#answered.delete(address);
    const isComplete = !unreachable.some(({ isMaster }) => isMaster);
    const up = new Map<string, boolean>();
    for (const [address, atMs] of this.#answered)
      if (atMs === nowMs || isComplete) up.set(address, atMs === nowMs);
    for (const { address, isHurried } of unreachable) {
      if (isHurried && servers.length > 0) up.delete(address);
      else up.set(address, false);
    }
    if (up.size === 0 && unreachable.length === 0) up.set(nameOfRedis(this.#connection), false);
    return up;
  }

  #families(): Family[] {
    const family = (name: Name, read: () => readonly Reading[]): Family =>
      new Family(name, EXPORTER_METRICS[name], read);
    const ofQueues = (name: Name, read: (queue: QueueCensus) => readonly Reading[]): Family =>
      family(name, () =>
        (this.#snapshot.census?.queues ?? []).flatMap((census) =>
          read(census).map(({ labels, value }) => ({ labels: { queue: census.queue, ...labels }, value })),
        ),
      );
    const ofServers = (name: Name, read: (server: ServerFacts) => readonly Reading[]): Family =>
      family(name, () =>
        this.#snapshot.servers.flatMap((server) =>
          read(server).map(({ labels, value }) => ({ labels: { node: server.address, ...labels }, value })),
        ),
      );
    return [
      ofQueues("delayq_queue_tasks", (queue) =>
        TASK_STATES.map((state) => ({ labels: { state }, value: queue[state] })),
      ),
      ofQueues("delayq_queue_oldest_due_age_seconds", ({ oldestDueAgeMs }) => plain(oldestDueAgeMs / 1000)),
      ofQueues("delayq_queue_due_tasks", ({ dueWithin }) =>
        Object.keys(DUE_WITHIN_MS).map((within, i) => ({ labels: { within }, value: dueWithin[i] ?? 0 })),
      ),
      ofQueues("delayq_queue_paused", ({ paused }) => plain(paused)),
      ofQueues("delayq_queue_shards", ({ shards }) => plain(shards)),
      ofQueues("delayq_queue_shards_without_owner", (queue) => plain(queue.shardsWithoutOwner)),
      ofQueues("delayq_queue_workers", ({ workers }) => plain(workers)),
      ofQueues("delayq_queue_worker_slots", ({ slots }) => plain(slots)),
      ofQueues("delayq_queue_schedulers", ({ schedulers }) => plain(schedulers)),
      family("delayq_schedulers", () => plain(this.#snapshot.census?.schedulers)),
      ofQueues("delayq_queue_events_total", ({ queue, counters }) =>
        Object.entries(EVENTS).map(([counter, event]) => ({
          labels: { event },
          value: this.#counted.of(queue, counter, counters[counter] ?? 0),
        })),
      ),
      ofQueues("delayq_queue_last_export_timestamp_seconds", ({ exportedAtMs }) =>
        plain(exportedAtMs === undefined ? undefined : exportedAtMs / 1000),
      ),
      ofServers("delayq_clock_skew_seconds", ({ clockAheadMs }) => plain(clockAheadMs / 1000)),
      family("delayq_redis_up", () =>
        [...this.#snapshot.up].map(([node, isUp]) => ({ labels: { node }, value: Number(isUp) })),
      ),
      ofServers("delayq_redis_role", ({ role }) =>
        role === undefined ? [] : [{ labels: { role }, value: 1 }],
      ),
      ofServers("delayq_redis_cpu_seconds_total", ({ usage }) =>
        usage === undefined
          ? []
          : [
              { labels: { mode: "user" }, value: usage.cpuUserSeconds },
              { labels: { mode: "system" }, value: usage.cpuSystemSeconds },
            ],
      ),
      ofServers("delayq_redis_memory_used_bytes", ({ memory }) => plain(memory?.usedBytes)),
      ofServers("delayq_redis_memory_max_bytes", ({ memory }) => plain(memory?.maxBytes)),
      ofServers("delayq_redis_memory_used_ratio", ({ memory }) =>
        memory === undefined || memory.maxBytes === 0 ? [] : plain(memory.usedBytes / memory.maxBytes),
      ),
      ofServers("delayq_redis_evicted_keys_total", ({ usage }) => plain(usage?.evictedKeys)),
      ofServers("delayq_redis_network_receive_bytes_total", ({ usage }) => plain(usage?.receivedBytes)),
      ofServers("delayq_redis_network_transmit_bytes_total", ({ usage }) => plain(usage?.sentBytes)),
      ofServers("delayq_redis_aof_enabled", ({ persistence }) => plain(persistence?.isAofOn)),
      ofServers("delayq_redis_aof_last_write_ok", ({ persistence }) => plain(persistence?.isAofWriteOk)),
      ofServers("delayq_redis_rdb_last_save_ok", ({ persistence }) => plain(persistence?.isSnapshotOk)),
      ofServers("delayq_redis_rdb_last_save_timestamp_seconds", ({ usage }) => plain(usage?.savedAtSeconds)),
      ofServers("delayq_redis_disk_loading", ({ usage }) => plain(usage?.isLoading)),
      ofServers("delayq_redis_connected_replicas", ({ role, replicas }) =>
        role === "master" ? plain(replicas.length) : [],
      ),
      // One that is still being copied to has no place in the stream yet.
      ofServers("delayq_redis_replica_lag_bytes", ({ replicas }) =>
        replicas
          .filter(({ state }) => state === "online")
          .map(({ address, behindBytes }) => ({ labels: { replica: address }, value: behindBytes })),
      ),
      ofServers("delayq_redis_master_link_up", ({ isLinked }) => plain(isLinked)),
      family("delayq_exporter_errors_total", () =>
        Object.entries(this.#errors).map(([part, value]) => ({ labels: { part }, value })),
      ),
      family("delayq_exporter_last_success_timestamp_seconds", () =>
        plain(this.#lastSuccessMs === undefined ? undefined : this.#lastSuccessMs / 1000),
      ),
    ];
  }
}

/** One number without a label of its own; none where it is not known. */
const plain = (value: number | boolean | undefined): Reading[] =>
  value === undefined ? [] : [{ labels: {}, value: Number(value) }];
