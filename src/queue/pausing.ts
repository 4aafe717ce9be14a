import { DelayqError } from "../core/errors.ts";
import type { Confirmation } from "../core/options.ts";
import type { QueueStore } from "../store/queue-store.ts";
import { ConfirmedSteps } from "./confirmed-steps.ts";

export interface Pausing {
  readonly paused: boolean;
  /** Whether it is paused until a restore is whole, and so may be resumed by the next one if this breaks off. */
  readonly isRestoring?: boolean;
}

/** Resolves when every shard knows. @throws DelayqError `DELAYQ_NO_QUEUE`, `DELAYQ_NOT_CONFIRMED` once every shard knows */
export async function setPaused(
  store: QueueStore,
  { paused, isRestoring = false }: Pausing,
  confirmation: Confirmation | undefined,
): Promise<void> {
  const steps = new ConfirmedSteps(confirmation);
  const reply = await steps.run(async (options) => await store.setPaused(paused, options, isRestoring));
  if (reply.word === "NO_QUEUE") {
    throw new DelayqError(
      "DELAYQ_NO_QUEUE",
      `Expected queue ${store.namespace.queue} to exist, but nothing was ever added to it. Check the name and the prefix.`,
    );
  }
  const meta = {
    shards: reply.shards,
    paused,
    generation: reply.generation,
    profiles: new Map<number, string>(),
  };
  const copies = store
    .shards(reply.shards)
    .map((keys) => steps.run(async (options) => await store.copyCtl(keys, meta, options)));
  await Promise.all(copies);
  steps.finish();
}
