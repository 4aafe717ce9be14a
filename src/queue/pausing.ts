import { DelayqError } from "../core/errors.ts";
import type { Confirmation } from "../core/options.ts";
import type { QueueStore } from "../store/queue-store.ts";
import { ConfirmedSteps } from "./confirmed-steps.ts";

export interface Pausing {
  readonly paused: boolean;
  /** The id of the restore that asks for it: it resumes only what it has paused. */
  readonly restoring?: string;
}

/**
 * Resolves when every shard knows.
 *
 * @returns of a restore's pause whether it is the restore's to resume, of its resume whether the queue goes on
 * @throws DelayqError `DELAYQ_NO_QUEUE`, `DELAYQ_NOT_CONFIRMED` once every shard knows
 */
export async function setPaused(
  store: QueueStore,
  { paused, restoring }: Pausing,
  confirmation: Confirmation | undefined,
): Promise<boolean> {
  const steps = new ConfirmedSteps(confirmation);
  const reply = await steps.run(async (options) => await store.setPaused(paused, options, restoring));
  if (reply.word === "NO_QUEUE") {
    throw new DelayqError(
      "DELAYQ_NO_QUEUE",
      `Expected queue ${store.namespace.queue} to exist, but nothing was ever added to it. Check the name and the prefix.`,
    );
  }
  if (reply.word === "HELD") return false;
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
  return !paused || reply.isOwn;
}
