import { isMove } from "./histories.js";

/*
 * A fault may put the clock of Redis forward or back: `clock` says so, and of one that was put back `rightT` from when it was
 * right again. What is due was counted by the clock of before. It comes early if that was behind, and is counted as early; if
 * that was ahead it comes late, at the latest when the clock is right again. What is asked for since counts from the new clock.
 * Instants that callers name are of no clock of Redis. A run-now leaves what is due by the new clock as it is.
 */

/** @param one.t the start of a handler, of a task of this history */
export function isOfOldClock({ clock, startT, endT }, { t, history: { adds, maybe, changes } }) {
  const moves = changes.filter(
    ({ verb, outcome }) => isMove(verb, outcome) && !(verb === "runNow" && clock === "forward"),
  );
  const asked = [...adds, ...maybe, ...moves].filter(({ sentT }) => sentT <= t);
  const last = asked.toSorted((a, b) => a.sentT - b.sentT).at(-1);
  return t > startT && (last === undefined || last.sentT < endT || last.atMs !== undefined);
}
