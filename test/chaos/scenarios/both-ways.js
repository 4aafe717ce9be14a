import { CUT_OFF, NOT_CONFIRMED } from "./codes.js";

/** Longer than a replica needs, and short enough that many wait in vain when there is none. */
const DURABILITY = { replicas: 1, timeoutMs: 500 };
/** Where no replica goes: nobody may wait in vain, on a busy machine neither. */
const PATIENT = { replicas: 1, timeoutMs: 5000 };

/**
 * A scenario twice: with calls that a replica has confirmed, of which nothing may be lost, and without, where it is counted
 * what a failover loses. The short form does without most of the async ones: they are of the same faults.
 */
export function bothWays(
  scenario,
  { isAsyncQuick = false, areReplicasLost = true, asyncLoses = false } = {},
) {
  const { name, codes = CUT_OFF } = scenario;
  return [
    {
      ...scenario,
      promised: "none lost",
      durability: areReplicasLost ? DURABILITY : PATIENT,
      codes: areReplicasLost ? [...codes, ...NOT_CONFIRMED] : codes,
    },
    {
      ...scenario,
      name: `${name}-async`,
      promised: "counted",
      codes,
      isLong: !isAsyncQuick,
      mustLose: asyncLoses,
    },
  ];
}
