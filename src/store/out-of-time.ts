export const OUT_OF_TIME = new Error("out of time");

/** Rejects with OUT_OF_TIME at the deadline or when the signal aborts, whatever becomes of the promise. */
export function before<T>(
  deadlineMs: number,
  signal: AbortSignal | undefined,
  promise: Promise<T>,
): Promise<T> {
  if (deadlineMs === Number.POSITIVE_INFINITY && signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const giveUp = (): void => finish(() => reject(OUT_OF_TIME));
    const timer =
      deadlineMs === Number.POSITIVE_INFINITY
        ? undefined
        : setTimeout(giveUp, Math.min(Math.max(0, deadlineMs - performance.now()), 2 ** 31 - 1));
    signal?.addEventListener("abort", giveUp, { once: true });
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
      settle();
    };
    promise.then(
      (value) => finish(() => resolve(value)),
      (error: unknown) => finish(() => reject(error)),
    );
    if (signal?.aborted === true) giveUp();
  });
}
