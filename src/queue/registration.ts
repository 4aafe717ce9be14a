import { DelayqError } from "../core/errors.ts";
import { SHARDS_DEFAULT, type KeptOptions } from "../core/options.ts";
import { within, type QueueStore } from "../store/queue-store.ts";
import type { ShardKeys } from "../store/keys.ts";

/**
 * What a producer must know before its first call: how many shards the queue has, and under which number its defaults are
 * kept. Reading never creates a queue; adding does. Meta comes first, the registry last, both before the first task: so a
 * task is never in a queue that workers cannot find.
 *
 * Each shard gets its copy of meta between the two. A shard that lost it meanwhile answers NO_PROFILE: it gets another.
 */
export interface Registered {
  readonly profile: number;
  readonly shards: number;
}

export class Registration {
  readonly #store: QueueStore;
  readonly #wantedShards: number | undefined;
  readonly #profileJson: string;
  readonly #timeoutMs: number;
  #registered: Registered | undefined;
  #registering: Promise<Registered> | undefined;
  #knownShards: number | undefined;

  constructor(store: QueueStore, wantedShards: number | undefined, defaults: KeptOptions, timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#store = store;
    this.#wantedShards = wantedShards;
    this.#profileJson = canonicalJson(defaults);
  }

  get current(): Registered | undefined {
    return this.#registered;
  }

  /** Registers the queue unless that was done. @throws DelayqError `DELAYQ_SHARDS_MISMATCH`, `DELAYQ_NEWER_FORMAT`, `DELAYQ_TOO_MANY_PROFILES` */
  async ensure(): Promise<Registered> {
    if (this.#registered !== undefined) return this.#registered;
    this.#registering ??= this.#register().finally(() => (this.#registering = undefined));
    return await this.#registering;
  }

  /** Resolves when no registration is under way; never rejects. */
  async settled(): Promise<void> {
    await this.#registering?.catch(() => {}); // those who wait for it are told
  }

  /** The shards of a queue that may not exist: undefined then. @throws DelayqError `DELAYQ_SHARDS_MISMATCH` */
  async knownShards(): Promise<number | undefined> {
    if (this.#knownShards !== undefined) return this.#knownShards;
    const meta = await this.#store.readMeta();
    if (meta === undefined) return undefined;
    if (this.#wantedShards !== undefined && this.#wantedShards !== meta.shards)
      throw this.#mismatch(meta.shards);
    this.#knownShards = meta.shards;
    return meta.shards;
  }

  /** The shard does not know the queue or the profile: tell it, and the registry too, since the queue may be gone. */
  async introduce(keys: ShardKeys): Promise<void> {
    let meta = await this.#store.readMeta();
    if (meta === undefined || !meta.profiles.has(this.#registered?.profile ?? 0)) {
      this.forget();
      await this.ensure();
      meta = await this.#store.readMeta();
    }
    if (meta !== undefined) await this.#store.copyCtl(keys, meta);
  }

  forget(): void {
    this.#registered = undefined;
    this.#knownShards = undefined;
    this.#store.forgetProfiles();
  }

  async #register(): Promise<Registered> {
    const reply = await this.#store.register(
      this.#wantedShards ?? 0,
      SHARDS_DEFAULT,
      this.#profileJson,
      within(this.#timeoutMs),
    );
    switch (reply.word) {
      case "REGISTERED":
        await this.#announce(reply);
        this.#knownShards = reply.shards;
        this.#registered = { profile: reply.profile, shards: reply.shards };
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
  async #announce(meta: {
    profile: number;
    shards: number;
    paused: boolean;
    generation: string;
  }): Promise<void> {
    const profiles = new Map([[meta.profile, this.#profileJson]]);
    const copies = this.#store
      .shards(meta.shards)
      .map((keys) => this.#store.copyCtl(keys, { ...meta, profiles }));
    await Promise.all(copies);
    await this.#store.enlist(meta.shards);
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
