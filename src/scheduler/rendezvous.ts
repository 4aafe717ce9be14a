import { hash32 } from "../core/hash.ts";

/**
 * Who of the candidates is to own a shard: the one whose hash with the shard's name is highest (rendezvous hashing, Thaler
 * and Ravishankar 1998). All who see the same candidates agree without talking, and when one leaves only its shards move.
 */
export function ownerOf(shard: string, candidates: readonly string[]): string | undefined {
  let owner: string | undefined;
  let highest = -1;
  for (const candidate of candidates) {
    const weight = hash32(`${candidate} ${shard}`);
    if (weight > highest || (weight === highest && candidate < (owner ?? ""))) {
      owner = candidate;
      highest = weight;
    }
  }
  return owner;
}
