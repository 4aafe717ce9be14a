import { setTimeout as delay } from "node:timers/promises";

const PAUSE_MS = 25;

/**
 * Asks again and again until the answer is neither false nor undefined, and returns it. An answer that fails counts as a no.
 *
 * @throws Error that names what was waited for, with the last failure as its cause.
 */
export async function waitUntil<T>(
  what: string,
  timeoutMs: number,
  ask: () => Promise<T | false | undefined>,
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    let cause: unknown;
    try {
      const answer = await ask();
      if (answer !== false && answer !== undefined) return answer;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadlineMs)
      throw new Error(`Expected ${what} within ${timeoutMs} ms; it did not come`, { cause });
    await delay(PAUSE_MS);
  }
}
