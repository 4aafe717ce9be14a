import { mayBeBetween } from "./histories.js";

/*
 * Every start of a handler but the first of its task needs a reason:
 *
 *   asked      the one before failed with attempts left, postponed the task, or was released by a worker that closed
 *   disturbed  the one before lost its lease: its worker was killed, or said so; a duplicate, which is counted
 *   requeued   the task was dead, and was requeued in between
 *   added      the task was over, and was added again in between
 *   fellBack   the claim or the settle before was lost with a master that failed: a duplicate too
 *
 * What has none is unexplained. The reason also says what the attempt and the due time must be.
 */
const CLOCK_SLACK_MS = 50;
const RETRY_MS = 100;
const LATER_MS = 50;
const ASKED = new Set(["failed", "later", "released"]);

/** `vanished`: attempts that were used by leases of which no process ever heard. */
export function secondRunsOf({ histories, epochMs }) {
  const result = { duplicates: 0, unexplained: [], wrongAttempts: [], movedDues: [], vanished: 0 };
  for (const history of histories) {
    let lives = 0;
    history.starts.forEach((start, i) => {
      const before = history.starts[i - 1];
      const reason = before === undefined ? "first" : reasonOf(history, before, start, lives, epochMs);
      // One that its master forgot with its add is made by that again: it counts only when it is not forgotten any more.
      if (!start.fellBack && (lives === 0 || reason === "added")) lives++;
      if (reason === undefined)
        result.unexplained.push(`${history.id} again after ${before.outcome} at attempt ${before.attempt}`);
      if (reason === "disturbed" || reason === "fellBack") result.duplicates++;
      holdAttempt(result, history, before, start, reason);
      holdDue(result, history, before, start, reason, epochMs);
    });
  }
  return result;
}

/** @param lives how many adds the starts up to `before` account for, but for those that may have been forgotten */
function reasonOf({ adds, maybe, changes, there, starts, unstarted }, before, after, lives, epochMs) {
  const toT = after.nowMs - epochMs + CLOCK_SLACK_MS;
  const { outcome, attempt, isDisturbed } = before;
  // A lease that was lost ended at some time after its handler began, which may have gone on for long.
  const endT = isDisturbed ? before.t : (before.endT ?? before.t);
  const made = [...adds, ...maybe];
  const isLast =
    outcome === "failed" && made.length === 1 && attempt >= attemptsMaxOf({ adds, maybe, there });
  const isRequeued = changes.some(
    (call) => call.verb === "requeue" && mayBeBetween(call, endT, toT, "requeued"),
  );
  // A lease that ended before its handler began may have used the last attempt.
  const mayHaveDied = unstarted.some(({ fence }) => fence > before.fence && fence < after.fence);
  if (ASKED.has(outcome) && !isLast && !(isRequeued && mayHaveDied)) return "asked";
  if (isRequeued && outcome !== "ok") return "requeued";
  if (isDisturbed) return "disturbed";
  // A life that an add made has another due time; the same one is that of a settle which was lost.
  const isOfBefore = starts.some(
    (start) => start.fellBack && start.fence < after.fence && start.dueAtMs === after.dueAtMs,
  );
  if (before.fellBack && isOfBefore) return "fellBack";
  const isAgain =
    made.filter(({ sentT }) => sentT <= toT).length > Math.max(1, lives) &&
    made.some((call) => mayBeBetween(call, endT, toT, "added"));
  if (isAgain) return "added";
  return before.fellBack ? "fellBack" : undefined;
}

const attemptsMaxOf = ({ adds, maybe, there }) =>
  [...adds, ...maybe, ...there].find(({ attempts }) => attempts !== undefined)?.attempts ?? Infinity;

function holdAttempt(result, history, before, { attempt, fence }, reason) {
  if (reason === undefined || before?.fellBack === true) return;
  if (history.adds.length + history.maybe.length > 1 && reason === "asked") return; // perhaps of another life
  const expected = attemptAfter(before, reason);
  if (attempt < expected)
    result.wrongAttempts.push(`${history.id}: attempt ${attempt}, expected ${expected}`);
  const unheard = history.unstarted.filter(
    (lost) => lost.fence < fence && (before === undefined || lost.fence > before.fence),
  ).length;
  const ownLease = reason === "asked" && before.outcome !== "failed" && before.isDisturbed ? 1 : 0;
  result.vanished += Math.max(0, attempt - expected - unheard - ownLease);
}

/** The least that it may be. */
function attemptAfter(before, reason) {
  if (reason === "first" || reason === "requeued" || reason === "added") return 1;
  return reason === "asked" && before.outcome !== "failed" ? before.attempt : before.attempt + 1;
}

/** A task that was released, or whose worker died with it, is due as it was; one that failed or was postponed, later. */
function holdDue(result, { id, changes, adds, maybe }, before, { dueAtMs, nowMs }, reason, epochMs) {
  if ((reason !== "asked" && reason !== "disturbed") || before.fellBack) return;
  const fromT = before.nowMs - epochMs - CLOCK_SLACK_MS;
  const isMoved = changes.some(
    ({ verb, sentT, t }) =>
      ["reschedule", "runNow", "requeue"].includes(verb) && sentT < nowMs - epochMs && t > fromT,
  );
  if (isMoved || adds.length + maybe.length > 1) return;
  const waitMs = { failed: RETRY_MS, later: LATER_MS }[before.outcome];
  if (waitMs === undefined) {
    if (dueAtMs !== before.dueAtMs) result.movedDues.push(`${id}: ${dueAtMs}, before ${before.dueAtMs}`);
  } else if (!before.isDisturbed && dueAtMs < before.endT + epochMs + waitMs - CLOCK_SLACK_MS)
    result.movedDues.push(`${id}: ${dueAtMs}, sooner than ${waitMs} ms after its end`);
}
