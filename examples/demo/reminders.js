/*
 * What the demo is given to do: reminders, evenly spread over the next seconds. Most are sent at once. Some take a second,
 * so that a worker that dies is caught with work in its hands. Some fail the first time, and some fail until the bug
 * that breaks them is fixed.
 */
const PER_SECOND = 200;

export function makeReminders({ seconds, firstAtMs }) {
  const count = PER_SECOND * seconds;
  return Array.from({ length: count }, (_, i) => ({
    name: "remind",
    data: { customer: i + 1, kind: kindOf(i) },
    opts: { id: `reminder-${i + 1}`, at: firstAtMs + Math.round((i * 1000) / PER_SECOND) },
  }));
}

function kindOf(i) {
  if (i % 10 === 3) return "slow";
  if (i % 25 === 7) return "flaky";
  if (i % 100 === 11) return "broken";
  return "plain";
}
