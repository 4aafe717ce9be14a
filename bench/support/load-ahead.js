const REST_MS = 1500;
const LEAD_IN_SECONDS = 2;

/**
 * Adds a steady flow of tasks, all before it begins. Its first two seconds are the lead-in: a process that has only worked off
 * what was ready has not compiled yet what it does with tasks that fall due one by one.
 *
 * @returns how many tasks that are, when it begins and when the lead-in is over
 */
export async function loadFlow(producer, { dueEachSecond, seconds }) {
  const length = LEAD_IN_SECONDS + seconds;
  const count = dueEachSecond * length;
  const beginsAtMs = await loadAhead(producer, { count, lengthMs: length * 1000 });
  return { count, beginsAtMs, fromMs: beginsAtMs + LEAD_IN_SECONDS * 1000 };
}

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
