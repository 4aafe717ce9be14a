/**
 * Keeps so many calls in flight, and says how many of them ended each second once the engine was warm.
 *
 * The time runs from one end of a call to another, both while as many calls were in flight as ever: neither the start nor
 * the end of the run counts.
 *
 * @param measureMs for how long it measures, or until `most` calls have ended
 * @param work makes one call; undefined when there is nothing left to do
 */
export async function saturate({ inFlight, warmUpMs, measureMs, most = Infinity, work }) {
  const startMs = performance.now();
  const warmMs = startMs + warmUpMs;
  const endMs = warmMs + measureMs;
  let firstMs;
  let lastMs;
  let count = 0;
  let isOver = false;
  const loop = async () => {
    while (!isOver) {
      const call = work();
      if (call === undefined) isOver = true;
      await call;
      const nowMs = performance.now();
      if (nowMs > endMs) isOver = true;
      if (isOver || nowMs < warmMs) continue;
      if (firstMs === undefined) firstMs = nowMs;
      else count++;
      lastMs = nowMs;
      if (count >= most) isOver = true;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  if (!(lastMs > firstMs)) throw new Error("nothing was left to measure once the engine was warm");
  return (count * 1000) / (lastMs - firstMs);
}
