import type { QueueInstruments, ScriptInstruments } from "./instruments.ts";

/**
 * What metrics and health checks see of a queue, a worker or a scheduler, under a symbol that is not exported: their types
 * show it, so that `collectMetrics` can ask for it, but no user can, and it may change with any release.
 */
export const INSIDE: unique symbol = Symbol("delayq inside");

export interface Inside {
  /** One for each queue that it deals with. */
  readonly queues: readonly QueueInstruments[];
  /** Of a worker. */
  readonly slots?: { readonly concurrency: number; readonly running: number };
  readonly scripts: ScriptInstruments;
  readonly loops: readonly LoopLook[];
  readonly redis: RedisLook;
}

/** How far a loop is behind: how long it has been looking, or how long ago it should have begun. */
export interface LoopLook {
  readonly name: string;
  readonly behindMs: number;
}

export interface RedisLook {
  /** Whether there is a connection on which calls can be made now. */
  readonly isConnected: boolean;
  /** How long ago a call was answered; undefined if none was. */
  readonly answeredMsAgo: number | undefined;
}

export interface HasInside {
  [INSIDE](): Inside;
}

/** Of several loops of one kind the one that is furthest behind. */
export const furthestBehind = (name: string, loops: Iterable<{ readonly behindMs: number }>): LoopLook => {
  let behindMs = 0;
  for (const loop of loops) behindMs = Math.max(behindMs, loop.behindMs);
  return { name, behindMs };
};
