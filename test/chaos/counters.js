/** The counters of the shards against what the processes said. */
export function countersOf(known) {
  const { pictures = [], histories, unclaimed, events, isDrained, vanished } = known;
  if (pictures.length === 0) return [];
  const sum = (name) => pictures.reduce((all, { counters }) => all + (counters[name] ?? 0), 0);
  const total = (countOf) => histories.reduce((all, history) => all + countOf(history), 0);
  const starts = histories.flatMap((history) => history.starts);
  const howMany = (isSo) => starts.filter(isSo).length;
  const asked = (verb, outcome) =>
    total(
      ({ changes }) =>
        changes.filter((one) => one.verb === verb && one.outcome === outcome && one.isCounted !== false)
          .length,
    );

  const off = [];
  const between = (name, value, min, max) => {
    if (value < min || value > max)
      off.push(`${name} is ${value}, expected ${min === max ? min : `${min} to ${max}`}`);
  };
  const sure = total(({ adds, there, starts: all }) =>
    Math.max(adds.length, there.length > 0 || all.some(({ fellBack }) => !fellBack) ? 1 : 0),
  );
  const perhaps = total(({ adds, maybe }) => adds.length + maybe.length) + unclaimed.length;
  between("added", sum("added"), sure, perhaps);
  for (const [verb, outcome] of [
    ["cancel", "cancelled"],
    ["requeue", "requeued"],
  ]) {
    const yes = asked(verb, outcome);
    between(outcome, sum(outcome), yes, yes + asked(verb, "unknown"));
  }
  const ok = howMany(({ outcome }) => outcome === "ok");
  const confirmed = howMany(({ completedT, fellBack }) => completedT !== undefined && !fellBack);
  between("completed", sum("completed"), confirmed, ok);

  const lost = events.filter(({ event }) => event === "leaseLost").length;
  const mayVanish = mayVanishOf(known);
  const uncounted = howMany(
    ({ outcome, isDisturbed, fellBack }) => (isDisturbed || fellBack) && outcome !== undefined,
  );
  const fellBack = howMany((start) => start.fellBack);
  const failed = howMany(({ outcome }) => outcome === "failed" || outcome === "fatal");
  if (isDrained) between("failed", sum("failed"), failed - uncounted, failed);
  const expired = sum("recovered") + (sum("dead") - sum("failed") + sum("retried"));
  between("leases that expired", expired, 0, lost + fellBack + diedWithWorkers(starts) + mayVanish);
  between("attempts used by leases nobody heard of", vanished, 0, mayVanish);
  const released = howMany(({ outcome }) => outcome === "released" || outcome === "later");
  if (lost + mayVanish + fellBack === 0 && isDrained)
    between("released", sum("released"), released, Infinity);
  return off;
}

const diedWithWorkers = (starts) =>
  starts.filter(({ isDisturbed, lostT }) => isDisturbed && lostT === undefined).length;

/** A claim whose answer never arrived holds no more than the slots that were free. */
function mayVanishOf({ killedWorkers, blinded, concurrency }) {
  return (killedWorkers + blinded) * concurrency;
}
