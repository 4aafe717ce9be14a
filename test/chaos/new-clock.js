/**
 * Where a replica became master whose clock is ahead: puts the times that it gave back onto the clock of before, so that they
 * can be held against all others.
 */
export function putClockBack(events, epochMs, aheadMs) {
  const put = (ms, t) => (ms - (t + epochMs) > aheadMs / 2 ? ms - aheadMs : ms);
  const mended = (facts, t) =>
    Object.fromEntries(
      Object.entries(facts).map(([name, value]) => [name, TIMES.has(name) ? put(value, t) : value]),
    );
  return events.map(({ items, ...event }) => ({
    ...mended(event, event.t),
    ...(items !== undefined && { items: items.map((item) => mended(item, event.t)) }),
  }));
}

const TIMES = new Set(["nowMs", "dueAtMs", "addedAtMs"]);
