/** What the work brings; undefined as soon as the signal aborts, whatever becomes of the work. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return await new Promise<T | undefined>((resolve, reject) => {
    const giveUp = (): void => resolve(undefined);
    if (signal.aborted) giveUp();
    signal.addEventListener("abort", giveUp, { once: true });
    const done = (): void => signal.removeEventListener("abort", giveUp);
    work.then(resolve, reject).finally(done);
  });
}
