/*
 * That a fault struck, found in the logs of all processes after the run.
 */

/** How many tasks its victims said to have lost the lease of. */
export function leasesLost(events, { victims, startT }) {
  return events.filter(({ event, role, t }) => event === "leaseLost" && victims.includes(role) && t >= startT)
    .length;
}

/** How many handlers its victims were running when it struck, that never came to an end. */
export function cutOff(events, { victims, startT }) {
  const running = new Set();
  for (const { event, role, t, id, fence } of events) {
    if (!victims.includes(role) || t > startT + 1000) continue;
    if (event === "start") running.add(`${id} ${fence}`);
    else if (event === "end") running.delete(`${id} ${fence}`);
  }
  return running.size;
}

/** How many calls its victims had made that were never answered. */
export function unanswered(events, { victims }) {
  const ofVictims = events.filter(({ role }) => victims.includes(role));
  const count = (word) => ofVictims.filter(({ event }) => event === word).length;
  return count("ask") - count("answer");
}
