import { hash32 } from "../core/hash.ts";

/**
 * Rendezvous hashing (Thaler and Ravishankar 1998): for a name the candidate is first whose hash together with it is
 * highest. All who see the same candidates agree without talking, and when one leaves nobody else changes places.
 */
function weightOf(candidate: string, name: string): number {
  return hash32(`${candidate} ${name}`);
}

/** Who of the candidates is to own a shard; when one leaves only its shards move. */
export function ownerOf(shard: string, candidates: readonly string[]): string | undefined {
  let owner: string | undefined;
  let highest = -1;
  for (const candidate of candidates) {
    const weight = weightOf(candidate, shard);
    if (weight > highest || (weight === highest && candidate < (owner ?? ""))) {
      owner = candidate;
      highest = weight;
    }
  }
  return owner;
}

/** Compares two candidates for a name: below zero if the first of them stands before the other. */
export function byRank(name: string): (one: string, other: string) => number {
  return (one, other) => {
    const difference = weightOf(other, name) - weightOf(one, name);
    if (difference !== 0) return difference;
    return one < other ? -1 : Number(one > other);
  };
}
