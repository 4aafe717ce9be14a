/**
 * Where a replica became master whose clock is off: puts the times that it gave onto the clock of before, so that they can be
 * held against all others.
 */
export function putClockRight(events, epochMs, offMs) {
  const isOff = (ms, t) => (ms - (t + epochMs)) / offMs > 0.5;
  const put = (ms, t) => (isOff(ms, t) ? ms - offMs : ms);
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
