import { hostname } from "node:os";
import { memberId } from "../core/ids.ts";
import { furthestBehind, type Inside } from "../runtime/inside.ts";
import { QueueInstruments } from "../runtime/instruments.ts";
import type { Logger } from "../runtime/logger.ts";
import type { TaskLog } from "../runtime/task-log.ts";
import type { Connection } from "../store/connection.ts";
import { Heartbeat, type Pace } from "../store/heartbeat.ts";
import { logFailure } from "../store/log-failure.ts";
import type { MemberFacts } from "../store/member-store.ts";
import { QueueStore, type GivenTime } from "../store/queue-store.ts";
import { QueueWatch } from "../store/queue-watch.ts";
import { candidatesOf, isWanted, ownersOf, type Candidate } from "./election.ts";
import { QueueService } from "./queue-service.ts";

/**
 * One scheduler with all that it serves: a member whose queues may come and go.
 *
 * States: joining -> standby <-> active, until it closes. It joins as a standby, and decides as soon as it has been told of
 * the others. What it has decided counts once its facts say so: only then do it and the others take it for an owner.
 *
 * An active one beats so often that it is missed after 2 s. A standby has nothing that others would have to take over, so
 * it may be missed late and beats seldom; of what it waits for it hears at once.
 */
export interface SchedulerCoreOptions {
  readonly prefix: string;
  readonly slowPollMs: number;
  readonly logger: Logger;
  readonly taskLog: TaskLog;
  readonly time: GivenTime;
  /** A task is due in a shard that is served here, and is about to be handed out. */
  readonly onDue?: (queue: string, shard: number) => void;
}

const ACTIVE_PACE = { everyMs: 1000, ttlMs: 2000 };
const STANDBY_PACE = { everyMs: 5000, ttlMs: 15_000 };

export class SchedulerCore {
  readonly id = memberId();
  readonly #connection: Connection;
  readonly #options: SchedulerCoreOptions;
  readonly #heartbeat: Heartbeat;
  readonly #watch: QueueWatch;
  readonly #queues = new Set<string>();
  readonly #services = new Map<string, QueueService>();
  /** By queue: services that still hand their shards over. */
  readonly #stopping = new Map<string, Promise<void>>();
  /** Kept when a queue goes, since it may come again. */
  readonly #instruments = new Map<string, QueueInstruments>();
  #candidates: ReadonlyMap<string, readonly Candidate[]> = new Map();
  #state: "joining" | "standby" | "active" = "joining";
  #isTelling = false;
  #isClosing = false;

  /** @param connection is held by the caller until `close` has resolved */
  constructor(connection: Connection, options: SchedulerCoreOptions) {
    const { prefix, logger, time } = options;
    const onError = logFailure(logger);
    this.#connection = connection;
    this.#options = options;
    this.#heartbeat = new Heartbeat(connection, {
      prefix,
      member: this.id,
      pace: () => this.#pace(),
      time,
      isListening: true,
      onMembers: (members) => {
        this.#candidates = candidatesOf(members);
        this.#elect();
        this.#rebalance();
      },
      onError,
    });
    this.#watch = new QueueWatch(connection, {
      prefix,
      onFound: (queue, shards) => this.#found(queue, shards),
      onError,
    });
  }

  start(): void {
    this.#heartbeat.start();
    this.#watch.start();
  }

  get inside(): Inside {
    return {
      queues: [...this.#instruments.values()],
      scripts: this.#connection.scripts,
      loops: [
        furthestBehind("scheduler heartbeat", [this.#heartbeat]),
        furthestBehind("scheduler queue watch", [this.#watch]),
        furthestBehind("scheduler shards", this.#services.values()),
      ],
      redis: this.#connection.look,
    };
  }

  instrumentsOf(queue: string): QueueInstruments {
    let instruments = this.#instruments.get(queue);
    if (instruments === undefined) this.#instruments.set(queue, (instruments = new QueueInstruments(queue)));
    return instruments;
  }

  /** One more queue, which need not exist yet. */
  serve(queue: string): void {
    if (this.#queues.has(queue)) return;
    this.#queues.add(queue);
    this.instrumentsOf(queue);
    this.#tellSoon();
    const stopping = this.#stopping.get(queue);
    if (stopping === undefined) this.#watch.seek(queue);
    else void stopping.then(() => this.#queues.has(queue) && this.#watch.seek(queue)); // reports its own failures
  }

  /** Hands the shards of a queue over. */
  async leave(queue: string): Promise<void> {
    if (!this.#queues.delete(queue)) return;
    this.#watch.forget(queue);
    this.#tellSoon();
    const service = this.#services.get(queue);
    await (service === undefined ? this.#stopping.get(queue) : this.#stop(queue, service));
  }

  /** Hands all shards over and ends. Always ends, also when Redis is away. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#watch.stop();
    for (const [queue, service] of this.#services) void this.#stop(queue, service); // awaited with the others
    await Promise.all(this.#stopping.values());
    await this.#heartbeat.stop();
  }

  /** Nobody need wait long for one that dies while it joins. */
  #pace(): Pace {
    const facts: MemberFacts = {
      role: "scheduler",
      queues: [...this.#queues],
      host: hostname(),
      pid: process.pid,
      ...(this.#state !== "active" && { isStandby: true }),
    };
    return { facts, ...(this.#state === "standby" ? STANDBY_PACE : ACTIVE_PACE) };
  }

  /** Changes that are made in one turn of the event loop are told with one beat. */
  #tellSoon(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    setImmediate(() => {
      this.#isTelling = false;
      if (this.#state !== "joining") this.#elect();
      this.#heartbeat.hint();
    });
  }

  /** Decides whether to work or to stand by, and says so at once if that is new. */
  #elect(): void {
    if (this.#isClosing) return;
    const wasActive = this.#state === "active";
    const me = { id: this.id, isStandby: !wasActive };
    const isActive = [...this.#queues].some((queue) =>
      isWanted(queue, me, this.#candidates.get(queue) ?? []),
    );
    this.#state = isActive ? "active" : "standby";
    if (isActive !== wasActive) this.#heartbeat.hint();
  }

  #found(queue: string, shards: number): void {
    if (this.#isClosing || this.#services.has(queue)) return;
    const { prefix, slowPollMs, logger, taskLog, time, onDue } = this.#options;
    const store = new QueueStore(this.#connection, { prefix, queue }, time);
    const service = new QueueService(this.#connection, store, shards, {
      scheduler: this.id,
      instruments: this.instrumentsOf(queue),
      slowPollMs,
      logger,
      taskLog,
      onDue: (shard) => onDue?.(queue, shard),
      onStale: () => this.#heartbeat.hint(),
      onGone: () => this.#lose(queue, service),
      onError: logFailure(logger),
    });
    this.#services.set(queue, service);
    service.start();
    this.#rebalance([queue]);
  }

  /** The queue was obliterated: find it anew. */
  #lose(queue: string, service: QueueService): void {
    if (this.#services.get(queue) !== service || this.#isClosing) return;
    const stopped = this.#stop(queue, service);
    void stopped.then(() => this.#queues.has(queue) && this.#watch.lost(queue)); // reports its own failures
  }

  /** Of one queue a service ends before the next one begins: what the old one gives up would be the new one's. */
  #stop(queue: string, service: QueueService): Promise<void> {
    this.#services.delete(queue);
    const stopped = service.stop().finally(() => this.#stopping.delete(queue));
    this.#stopping.set(queue, stopped);
    return stopped;
  }

  /** Members that become known while it closes must not make it take shards again. */
  #rebalance(queues: Iterable<string> = this.#services.keys()): void {
    if (this.#isClosing) return;
    for (const queue of queues) {
      this.#services.get(queue)?.rebalance(ownersOf(queue, this.#candidates.get(queue) ?? []));
    }
  }
}
