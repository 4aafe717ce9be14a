/** When the queue was paused for sure: from when a pause was confirmed until its resume was asked for. Times are monotonic. */
export function surePausesOf(calls) {
  return calls
    .filter(({ verb, outcome }) => verb === "pause" && outcome === "done")
    .map(({ t }) => {
      const resumes = calls.filter(({ verb, sentT }) => verb === "resume" && sentT > t);
      return { fromT: t, toT: Math.min(...resumes.map(({ sentT }) => sentT)) };
    });
}

/** When it may have been: from when a pause was asked for until its resume was confirmed. */
export function possiblePausesOf(calls) {
  return calls
    .filter(({ verb }) => verb === "pause")
    .map(({ sentT: fromT }) => {
      const resumes = calls.filter(
        ({ verb, outcome, sentT }) => verb === "resume" && outcome === "done" && sentT > fromT,
      );
      return { fromT, toT: Math.min(...resumes.map(({ t }) => t)) };
    });
}
