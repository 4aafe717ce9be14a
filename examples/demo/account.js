/*
 * Is every reminder accounted for? Three witnesses must agree: what was asked for, what Redis counted, and what the workers
 * wrote down. A worker's entry is an event: "started", then "sent" or "failed"; the killed worker's last ones have no end.
 */
export function account({ reminders, entries, counters, killedPid }) {
  const byId = groupById(entries);
  const faults = [];
  const check = (isFine, fault) => {
    if (!isFine) faults.push(fault);
  };

  check(counters.added === reminders.length, `${reminders.length} were given, ${counters.added ?? 0} added`);
  check(counters.completed === counters.added, `${counters.completed ?? 0} of ${counters.added} completed`);

  let ranTwice = 0;
  for (const { opts } of reminders) {
    const { id, at } = opts;
    const ofTask = byId.get(id) ?? [];
    const starts = ofTask.filter(({ event }) => event === "started");
    const failed = ofTask.filter(({ event }) => event === "failed").length;
    const wasSent = ofTask.some(({ event }) => event === "sent");
    check(starts.length > 0, `${id} never ran`);
    check(wasSent || starts.length === 0, `${id} was never sent`);

    // Redis' own clock at the claim, against the time that was asked for and, after a retry, the time it was put off to.
    const isEarly = starts.some(({ startedAtMs, dueAtMs }) => startedAtMs < Math.max(at, dueAtMs));
    check(!isEarly, `${id} was started before its time`);

    // The first start needs no reason, one after each failure is a retry or a requeue; only the kill explains one more.
    const repeats = Math.max(0, starts.length - 1 - failed);
    const explained = starts.some(({ pid }) => pid === killedPid) ? 1 : 0;
    check(repeats <= explained, `${id} ran ${starts.length} times, of which ${failed} failed`);
    ranTwice += repeats;
  }
  const recovered = counters.recovered ?? 0;
  // One that was on its last attempt is counted among the dead instead.
  const isBelievable = ranTwice <= recovered + (counters.dead ?? 0);
  check(isBelievable, `${ranTwice} ran twice, but ${recovered} were recovered`);
  return { faults, ranTwice, lag: lagOf(reminders, entries) };
}

function groupById(entries) {
  const byId = new Map();
  for (const entry of entries) {
    const ofTask = byId.get(entry.id);
    if (ofTask === undefined) byId.set(entry.id, [entry]);
    else ofTask.push(entry);
  }
  return byId;
}

/** Handler start minus the time that was asked for, of first attempts: later ones are late on purpose. */
function lagOf(reminders, entries) {
  const dueAtMs = new Map(reminders.map(({ opts }) => [opts.id, opts.at]));
  const lags = entries
    .filter(
      ({ event, id, attempt, dueAtMs: due }) =>
        event === "started" && attempt === 1 && due === dueAtMs.get(id),
    )
    .map(({ atMs, dueAtMs: due }) => atMs - due)
    .sort((a, b) => a - b);
  const at = (share) => lags[Math.max(0, Math.ceil(share * lags.length) - 1)] ?? NaN;
  return { count: lags.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}
