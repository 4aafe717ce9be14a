import type { Cluster } from "ioredis";

/**
 * Bounds how often a Cluster client asks for the map of the slots.
 *
 * ioredis asks after every redirection and every failure, and each answer costs some ms of CPU, since it goes through all
 * 16384 slots. With a master away, whose calls fail again and again, a process would do little else. So only the first of
 * many in a row are asked at once, as when slots move one after the other; the next wait for a pause, and share one answer.
 * That it is asked is told, since it is the first sign that a slot has moved.
 *
 * It also gives each slot its own list of nodes. In ioredis slots of one row of the answer share one, into which it writes
 * where a slot has moved: all the others would be looked for there too, until the next answer.
 */
type Callback = (error?: Error | null) => void;

export const SLOTS_IN_DOUBT = "delayq: slots in doubt";

const AT_ONCE_MAX = 10;
const PAUSE_MS = 300;

export function calmRefresh(cluster: Cluster): Cluster {
  const refresh = cluster.refreshSlotsCache.bind(cluster);
  /** How many may be asked at once; one more after each pause. */
  let left = AT_ONCE_MAX;
  let countedMs = performance.now();
  let timer: NodeJS.Timeout | undefined;
  let waiting: Callback[] = [];
  const count = (): void => {
    const nowMs = performance.now();
    left = Math.min(AT_ONCE_MAX, left + (nowMs - countedMs) / PAUSE_MS);
    countedMs = nowMs;
  };
  const ask = (): void => {
    timer = undefined;
    count();
    left--;
    const callbacks = waiting;
    waiting = [];
    cluster.emit(SLOTS_IN_DOUBT);
    refresh((error) => {
      for (const callback of callbacks) callback(error);
    });
  };
  cluster.refreshSlotsCache = (callback) => {
    if (callback !== undefined) waiting.push(callback);
    if (timer !== undefined) return;
    count();
    if (left >= 1) ask();
    else timer = setTimeout(ask, (1 - left) * PAUSE_MS).unref();
  };
  cluster.on("refresh", () => {
    const { slots } = cluster;
    slots.forEach((nodes, slot) => (slots[slot] = [...nodes])); // leaves out slots of nobody
  });
  cluster.on("end", () => {
    clearTimeout(timer);
    timer = undefined;
    for (const callback of waiting.splice(0)) callback(new Error("The Cluster client has ended."));
  });
  return cluster;
}
