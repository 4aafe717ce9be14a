const REST_MS = 1500;

/**
 * Adds tasks that fall due at random instants of a window (of 1 ms: all at once), all before it begins.
 *
 * @param perSecond how many tasks a second any machine can add
 * @returns when the window begins
 */
export async function loadAhead(producer, { count, lengthMs, perSecond = 5000, ...more }) {
  const startAtMs = Math.round(Date.now() + (count * 1000) / perSecond + REST_MS);
  await producer.ask("load", { count, due: { kind: "window", startAtMs, lengthMs }, ...more });
  if (Date.now() > startAtMs) {
    throw new Error("the machine is too slow: tasks fell due while others were still added");
  }
  return startAtMs;
}
