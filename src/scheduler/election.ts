import type { Member } from "../store/member-store.ts";
import { byRank } from "./rendezvous.ts";

/**
 * Which schedulers of a queue work and which stand by. Nobody is asked: each decides for itself from the members that it
 * sees, says so in its facts, and all take those for owners who say that they are active.
 *
 * For each queue its schedulers have a rank. The first ACTIVE_MAX of all that live become active. Whoever sees no active one
 * becomes active too, whatever its rank: those before it may be dead already, and a standby is missed late. An active one
 * stands back only when it sees ACTIVE_MAX active ones before it. So whoever stands back leaves the queue to others who
 * will not, and while the same schedulers live none changes its mind more than twice.
 */
export const ACTIVE_MAX = 2;

/** A scheduler as far as the election goes. One whose facts say nothing is active. */
export type Candidate = Pick<Member, "id" | "isStandby">;

/** Of each queue those schedulers that serve it. */
export function candidatesOf(members: readonly Member[]): ReadonlyMap<string, readonly Candidate[]> {
  const candidates = new Map<string, Member[]>();
  for (const member of members) {
    if (member.role !== "scheduler") continue;
    for (const queue of member.queues) {
      const ofQueue = candidates.get(queue);
      if (ofQueue === undefined) candidates.set(queue, [member]);
      else ofQueue.push(member);
    }
  }
  return candidates;
}

/** Among whom the shards of a queue are shared: the first ACTIVE_MAX of the active ones. */
export function ownersOf(queue: string, candidates: readonly Candidate[]): string[] {
  const active = candidates.filter(isActive).map(({ id }) => id);
  return active.toSorted(byRank(queue)).slice(0, ACTIVE_MAX);
}

/**
 * Whether a scheduler is to be active for a queue that it serves.
 *
 * @param me         what it has decided last, which its facts may not say yet
 * @param candidates those of the queue as far as it knows; itself among them or not
 */
export function isWanted(queue: string, me: Candidate, candidates: readonly Candidate[]): boolean {
  const compare = byRank(queue);
  const others = candidates.filter(({ id }) => id !== me.id);
  const before = others.filter(({ id }) => compare(id, me.id) < 0);
  if (before.length < ACTIVE_MAX) return true;
  return isActive(me) ? before.filter(isActive).length < ACTIVE_MAX : !others.some(isActive);
}

const isActive = ({ isStandby }: Candidate): boolean => isStandby !== true;
