import { setTimeout as delay } from "node:timers/promises";

/** True when the promise resolved before `timeoutMs` passed; its timer is gone either way. */
export async function settlesWithin(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const giveUp = new AbortController();
  const late = delay(timeoutMs, false, giveUp).catch(() => false);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    giveUp.abort();
  }
}
