import { runIdsOf } from "../topology.js";

/*
 * That a fault struck: what of the servers, or of the logs of all processes, shows it.
 */

/** Returns a function that says how many masters are others than now. */
export async function newMasters(topology) {
  const before = new Set(await runIdsOf(topology));
  return async () => (await runIdsOf(topology)).filter((id) => !before.has(id)).length;
}

/** How many tasks its victims began meanwhile. */
export function startsOf(events, { victims, startT, endT }) {
  return events.filter(
    ({ event, role, t }) => event === "start" && victims.includes(role) && t > startT && t < endT,
  ).length;
}

/** How many tasks were completed meanwhile. */
export function completed(events, { startT, endT }) {
  return events.filter(({ event, t }) => event === "completed" && t > startT && t < endT).length;
}

/** How many adds were told that replicas are missing, and later, with the same id, that they have it. All of them must. */
export function confirmedLater(events, fault) {
  const asks = new Map(
    events.filter(({ event, verb }) => event === "ask" && verb === "add").map((ask) => [callOf(ask), ask]),
  );
  const answers = events.filter((one) => one.event === "answer" && asks.has(callOf(one)));
  const told = answers.filter(({ code, id }) => code === "DELAYQ_NOT_CONFIRMED" && id !== undefined);
  const toldT = new Map(told.map(({ id, t }) => [id, t]));
  const later = answers.filter(({ outcome, id, t }) => t > toldT.get(id) && outcome !== "unknown");
  fault.least = Math.max(1, toldT.size);
  return new Set(later.map(({ id }) => id)).size;
}

const callOf = ({ role, n }) => `${role} ${n}`;

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
