import type { Cluster } from "ioredis";

/**
 * Bounds how often a Cluster client asks for the map of the slots.
 *
 * ioredis asks after every redirection and every failure, and each answer costs some ms of CPU, since it goes through all
 * 16384 slots. With a master away, whose calls fail again and again, a process would do little else. Those that ask within
 * the pause get one answer together. That somebody asks is told, since it is the first sign that a slot has moved.
 */
type Callback = (error?: Error | null) => void;

export const SLOTS_IN_DOUBT = "delayq: slots in doubt";

export function calmRefresh(cluster: Cluster, pauseMs: number): Cluster {
  const refresh = cluster.refreshSlotsCache.bind(cluster);
  let lastMs = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let waiting: Callback[] = [];
  const ask = (): void => {
    timer = undefined;
    lastMs = performance.now();
    const callbacks = waiting;
    waiting = [];
    refresh((error) => {
      for (const callback of callbacks) callback(error);
    });
  };
  cluster.refreshSlotsCache = (callback) => {
    if (callback !== undefined) waiting.push(callback as Callback);
    const pauseLeftMs = lastMs + pauseMs - performance.now();
    if (pauseLeftMs <= 0) ask();
    else timer ??= setTimeout(ask, pauseLeftMs);
    cluster.emit(SLOTS_IN_DOUBT);
  };
  return cluster;
}
