import { DelayqError } from "../core/errors.ts";
import { KEPT_DEFAULTS, type KeptOptions } from "../core/options.ts";
import { profileOf } from "../store/codec.ts";
import type { ShardKeys } from "../store/keys.ts";
import type { Meta, QueueStore, WalkPlace } from "../store/queue-store.ts";
import type { Walked } from "../store/reply-fields.ts";
import { unreadableTask } from "../store/task-view.ts";
import { EXPORT_FORMAT, exportLine, type ExportEnd, type ExportHeader } from "./export-format.ts";
import { SeenIds } from "./seen-ids.ts";

/**
 * Writes down everything about a queue while it runs.
 *
 * Tasks move while they are read, from due set to runway to lease and back, but their records stay where they are: so the
 * records are walked, and of each page the script says in the same step in which state its tasks are. A task that is there
 * from the first page to the last is on at least one page; on two, if Redis shrinks its table meanwhile, so the ids that were seen are
 * kept. When the shard moves to another server (failover, restart, another node of a Cluster) its walk begins again, and what
 * was written stays written.
 *
 * Shards are walked one after the other, so that memory is bounded by the largest shard.
 */
const PAGE_MAX = 100;
const MOVES_MAX = 100;
const BEGIN: WalkPlace = { cursor: "0", server: "" };

interface Profile {
  readonly options: KeptOptions;
  readonly text: string;
}

export class Exporter {
  readonly #store: QueueStore;
  readonly #profiles = new Map<number, Profile>();
  /** How many tasks were written. */
  count = 0;

  constructor(store: QueueStore) {
    this.#store = store;
  }

  /**
   * The lines of the export, in portions, without the ends of the lines.
   *
   * @param nowMs the time by the clock of Redis
   * @throws DelayqError `DELAYQ_NO_QUEUE`, `DELAYQ_NEWER_FORMAT`, `DELAYQ_BROKEN_RECORD`
   */
  async *lines(nowMs: number): AsyncGenerator<string[]> {
    const meta = await this.#store.readMeta();
    if (meta === undefined) {
      throw new DelayqError(
        "DELAYQ_NO_QUEUE",
        `Expected queue ${this.#store.namespace.queue} to exist, but nothing was ever added to it. Check the name and the prefix.`,
      );
    }
    yield [JSON.stringify(this.#header(meta, nowMs))];
    for (const keys of this.#store.shards(meta.shards)) yield* this.#shard(keys);
    const end: ExportEnd = { end: true, tasks: this.count };
    yield [JSON.stringify(end)];
  }

  #header({ paused, shards, profiles }: Meta, nowMs: number): ExportHeader {
    for (const [number, json] of profiles) this.#profiles.set(number, parsedProfile(json));
    return {
      export: EXPORT_FORMAT,
      queue: this.#store.namespace.queue,
      exportedAt: new Date(nowMs).toISOString(),
      exportedAtMs: nowMs,
      paused,
      shards,
      defaults: Object.fromEntries([...this.#profiles].map(([number, { options }]) => [number, options])),
    };
  }

  async *#shard(keys: ShardKeys): AsyncGenerator<string[]> {
    const { delayed, ready, leased, dead, done } = await this.#store.counts(keys);
    const seen = new SeenIds(delayed + ready + leased + dead + done);
    let coming = this.#page(keys, BEGIN);
    for (let moves = 0; ;) {
      const page = await coming();
      if (page.word === "MOVED") {
        if (++moves > MOVES_MAX) throw unsteady(keys.shard);
        coming = this.#page(keys, BEGIN);
        continue;
      }
      const isLast = page.cursor === "0";
      // The next page comes while this one is written.
      if (!isLast) coming = this.#page(keys, page);
      const fresh = page.walked.filter(({ id }) => seen.add(id));
      await this.#learnProfiles(fresh.map(({ record }) => record));
      this.count += fresh.length;
      if (fresh.length > 0) yield fresh.map((task) => this.#line(task, page.nowMs));
      if (isLast) return;
    }
  }

  /** A backup without a task would be none: who has it written is to know which one it is. */
  #line(task: Walked, nowMs: number): string {
    try {
      return exportLine(task, nowMs, (number) => this.#profile(number));
    } catch (error) {
      throw unreadableTask(this.#store.namespace.queue, task.id, error);
    }
  }

  /** Asks at once; whether it failed is told to whoever wants the page. */
  #page(keys: ShardKeys, { cursor, server }: WalkPlace) {
    const page = this.#store.walk(keys, { cursor, server }, PAGE_MAX);
    page.catch(() => {}); // told where it is awaited, if it still is
    return async () => await page;
  }

  async #learnProfiles(records: readonly Buffer[]): Promise<void> {
    for (const number of new Set(records.map(profileOf))) {
      if (this.#profiles.has(number)) continue;
      const options = await this.#store.profile(number);
      this.#profiles.set(number, { options, text: JSON.stringify(options) });
    }
  }

  #profile(number: number): Profile {
    const profile = this.#profiles.get(number);
    if (profile === undefined) throw new Error(`profile ${number} was not learned`);
    return profile;
  }
}

function parsedProfile(json: string): Profile {
  const options = { ...KEPT_DEFAULTS, ...(JSON.parse(json) as Partial<KeptOptions>) };
  return { options, text: JSON.stringify(options) };
}

const unsteady = (shard: number): DelayqError =>
  new DelayqError(
    "DELAYQ_REDIS_UNAVAILABLE",
    `Expected shard ${shard} to stay on one server, but it moved ${MOVES_MAX} times. Export when Redis is steady, and not through a proxy to several servers.`,
  );
