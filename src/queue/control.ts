import { DelayqError } from "../core/errors.ts";
import type { Confirmation } from "../core/options.ts";
import { confirmedWithin, type QueueStore } from "../store/queue-store.ts";
import { ConfirmedSteps } from "./confirmed-steps.ts";
import { setPaused } from "./pausing.ts";
import type { Inspector } from "./inspector.ts";
import type { Registration } from "./registration.ts";

/** What is done to a queue as a whole. */
export class QueueControl {
  readonly #store: QueueStore;
  readonly #registration: Registration;
  readonly #inspector: Inspector;

  constructor(store: QueueStore, registration: Registration, inspector: Inspector) {
    this.#store = store;
    this.#registration = registration;
    this.#inspector = inspector;
  }

  /** Resolves when every shard knows. @throws DelayqError `DELAYQ_NO_QUEUE`, `DELAYQ_NOT_CONFIRMED` once every shard knows */
  async setPaused(paused: boolean, confirmation: Confirmation | undefined): Promise<void> {
    await setPaused(this.#store, { paused }, confirmation);
  }

  /**
   * Paused first, so that no task can be handed out between the look whether one runs and the wipe. Meta goes before the
   * shards, so that nobody takes a wiped shard for one that lost its copy of meta; the registry, by which a second try
   * finds the shards if this one breaks off, goes last. It stays if replicas do not confirm that the shards went: else none
   * would be asked again.
   */
  async obliterate(isForced: boolean, confirmation: Confirmation | undefined): Promise<void> {
    const known = await this.#store.readShards();
    const count = known ?? (await this.#store.readEnlisted());
    if (known !== undefined && !isForced) await this.#checkIdle();
    const steps = new ConfirmedSteps(confirmation);
    try {
      await steps.run(async (options) => await this.#store.wipeMeta(options));
      for (const keys of this.#store.shards(count ?? 0))
        await steps.run(async (options) => await this.#store.wipeShard(keys, options));
      steps.finish();
      await this.#store.enlist(0, confirmedWithin(confirmation));
    } finally {
      this.#registration.forget();
    }
  }

  /**
   * Leaves the queue paused if nothing runs, and as it was if something does. No replica need know of that.
   *
   * @throws DelayqError `DELAYQ_QUEUE_BUSY`
   */
  async #checkIdle(): Promise<void> {
    const { paused } = await this.#inspector.counts();
    await this.setPaused(true, undefined);
    const { leased } = await this.#inspector.counts();
    if (leased === 0) return;
    if (!paused) await this.setPaused(false, undefined);
    throw new DelayqError(
      "DELAYQ_QUEUE_BUSY",
      `Expected no task of queue ${this.#store.namespace.queue} to be running, got ${leased}. Stop the workers, or give { force: true }.`,
    );
  }
}
