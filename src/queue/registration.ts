import { DelayqError, NotConfirmedError } from "../core/errors.ts";
import type { Confirmation, KeptOptions } from "../core/options.ts";
import { bounded } from "../runtime/bounded.ts";
import { within, type QueueStore } from "../store/queue-store.ts";
import type { CallOptions } from "../store/connection.ts";
import type { ShardKeys } from "../store/keys.ts";

/**
 * What a producer must know before its first call: how many shards the queue has, and under which number its defaults are
 * kept. Reading never creates a queue; adding does. Meta comes first, the registry last, both before the first task: so a
 * task is never in a queue that workers cannot find.
 *
 * Each shard gets its copy of meta between the two. A shard that lost it meanwhile answers NO_PROFILE: it gets another.
 *
 * Who adds what replicas must confirm needs a registration that they have confirmed: a task is lost too if its queue is, or
 * the options it was added with. So one that fewer replicas had to confirm is made again.
 */
export interface Registered {
  readonly profile: number;
  readonly shards: number;
}

const LOOK_AGAIN_MS = 5000;

export class Registration {
  readonly #store: QueueStore;
  readonly #wantedShards: number | undefined;
  readonly #profileJson: string;
  #registered: Registered | undefined;
  /** How many replicas were told to have it. */
  #confirmedBy = 0;
  readonly #registering = new Map<string, Promise<Registered>>();
  #knownShards: number | undefined;
  #lookAgainMs = 0;

  constructor(store: QueueStore, wantedShards: number | undefined, defaults: KeptOptions) {
    this.#store = store;
    this.#wantedShards = wantedShards;
    this.#profileJson = canonicalJson(defaults);
  }

  /** What was registered, if so many replicas have it. */
  current(confirmation: Confirmation | undefined): Registered | undefined {
    return (confirmation?.replicas ?? 0) <= this.#confirmedBy ? this.#registered : undefined;
  }

  /**
   * Registers the queue unless that was done, or waits for another call that does so. That one has its own time: if it is up
   * before the caller's is, the caller tries again.
   *
   * @throws DelayqError `DELAYQ_SHARDS_MISMATCH`, `DELAYQ_NEWER_FORMAT`, `DELAYQ_TOO_MANY_PROFILES`, `DELAYQ_REDIS_*`
   */
  async ensure(options: CallOptions): Promise<Registered> {
    const { confirmation, deadlineMs } = options;
    const how = confirmation === undefined ? "" : `${confirmation.replicas} ${confirmation.timeoutMs}`;
    for (;;) {
      const registered = this.current(confirmation);
      if (registered !== undefined) return registered;
      const registering = this.#registering.get(how);
      if (registering === undefined) {
        const mine = this.#register(options).finally(() => this.#registering.delete(how));
        this.#registering.set(how, mine);
        return await mine;
      }
      try {
        if (!(await bounded(registering, deadlineMs - performance.now()))) throw notRegistered(undefined);
        return await registering;
      } catch (error) {
        if (!isOutOfTime(error) || performance.now() >= deadlineMs) throw error;
      }
    }
  }

  /** The shards of a queue that may not exist: undefined then. Looked up again every few seconds: it may be made anew. @throws DelayqError `DELAYQ_SHARDS_MISMATCH` */
  async knownShards(options: CallOptions = within()): Promise<number | undefined> {
    if (this.#knownShards !== undefined && performance.now() < this.#lookAgainMs) return this.#knownShards;
    const shards = await this.#store.readShards(options);
    if (shards !== this.#knownShards && this.#knownShards !== undefined) this.forget();
    if (shards !== undefined && shards !== (this.#wantedShards ?? shards)) throw this.#mismatch(shards);
    this.#knownShards = shards;
    this.#lookAgainMs = performance.now() + LOOK_AGAIN_MS;
    return shards;
  }

  /** A shard does not know what was registered: it lost its copy of meta, or the queue was obliterated and is to be made anew. */
  async introduce(keys: ShardKeys, registered: Registered, options: CallOptions): Promise<void> {
    const meta = await this.#store.readMeta(options);
    if (meta?.shards === registered.shards && meta.profiles.has(registered.profile)) {
      await this.#store.copyCtl(keys, meta, options).catch((error: unknown) => {
        throw asUnavailable(error, options.confirmation);
      });
    } else {
      this.forget();
      await this.ensure(options);
    }
  }

  forget(): void {
    this.#registered = undefined;
    this.#confirmedBy = 0;
    this.#knownShards = undefined;
    this.#store.forgetProfiles();
  }

  async #register(options: CallOptions): Promise<Registered> {
    try {
      return await this.#registerOnce(options);
    } catch (error) {
      throw asUnavailable(error, options.confirmation);
    }
  }

  async #registerOnce(options: CallOptions): Promise<Registered> {
    const shards = this.#wantedShards ?? 0;
    const reply = await this.#store.register(shards, this.#profileJson, options);
    switch (reply.word) {
      case "REGISTERED":
        await this.#announce(reply, options);
        this.#knownShards = reply.shards;
        this.#registered = { profile: reply.profile, shards: reply.shards };
        this.#confirmedBy = Math.max(this.#confirmedBy, options.confirmation?.replicas ?? 0);
        return this.#registered;
      case "SHARDS":
        throw this.#mismatch(reply.shards);
      case "NEWER":
        throw new DelayqError(
          "DELAYQ_NEWER_FORMAT",
          `Expected queue ${this.#queue} to be of format 1, got format ${reply.format}. Update this process.`,
        );
      case "TOO_MANY":
        throw new DelayqError(
          "DELAYQ_TOO_MANY_PROFILES",
          `Expected at most ${reply.count} different \`defaults\` in queue ${this.#queue}, got one more. Give what varies with each task, not as defaults.`,
        );
    }
  }

  /** Copies before registry: who finds the queue finds its shards. */
  async #announce(
    meta: { profile: number; shards: number; paused: boolean; generation: string },
    options: CallOptions,
  ): Promise<void> {
    const profiles = new Map([[meta.profile, this.#profileJson]]);
    const copies = this.#store
      .shards(meta.shards)
      .map((keys) => this.#store.copyCtl(keys, { ...meta, profiles }, options));
    await Promise.all(copies);
    await this.#store.enlist(meta.shards, options);
  }

  get #queue(): string {
    return this.#store.namespace.queue;
  }

  #mismatch(shards: number): DelayqError {
    return new DelayqError(
      "DELAYQ_SHARDS_MISMATCH",
      `Expected \`shards\` to be ${shards}, which queue ${this.#queue} was made with, got \`${this.#wantedShards}\`. Leave it out, or obliterate the queue first.`,
    );
  }
}

/** Equal defaults give equal texts, so they share a profile. */
function canonicalJson(value: object): string {
  const sorted = (_key: string, at: unknown): unknown =>
    typeof at === "object" && at !== null && !Array.isArray(at)
      ? Object.fromEntries(Object.entries(at).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : at;
  return JSON.stringify(value, sorted);
}

/** Whether the queue was registered, or for good, may be in doubt; that no task was added is not. */
function asUnavailable(error: unknown, confirmation: Confirmation | undefined): unknown {
  if (error instanceof NotConfirmedError) return notConfirmed(error, confirmation);
  if (error instanceof DelayqError && error.code === "DELAYQ_UNKNOWN_OUTCOME")
    return notRegistered(error.cause);
  return error;
}

const notRegistered = (cause: unknown): DelayqError =>
  new DelayqError(
    "DELAYQ_REDIS_UNAVAILABLE",
    "Redis did not answer in time while the queue was registered. Nothing was added.",
    { cause },
  );

function notConfirmed(error: NotConfirmedError, confirmation: Confirmation | undefined): DelayqError {
  const because = error.cause instanceof Error ? ` (${error.cause.message})` : "";
  return new DelayqError(
    "DELAYQ_REDIS_UNAVAILABLE",
    `Expected the registration of the queue to be confirmed by at least ${confirmation?.replicas} of the replicas within ${confirmation?.timeoutMs} ms; it was not${because}. Nothing was added.`,
    { cause: error },
  );
}

const isOutOfTime = (error: unknown): boolean =>
  error instanceof DelayqError &&
  error.code === "DELAYQ_REDIS_UNAVAILABLE" &&
  !(error.cause instanceof NotConfirmedError);
