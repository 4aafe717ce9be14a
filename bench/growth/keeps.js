import { GROWTH_GOALS } from "../goals.js";

/** How much of each figure is left at every level, of what it was at the smallest one; for lag, how much quicker it was there. */
export function keeps(levels) {
  return [...new Set(levels.map(({ shards }) => shards))].flatMap((shards) => {
    const own = levels.filter((level) => level.shards === shards);
    const least = own[0];
    return own.slice(1).flatMap((level) =>
      Object.entries(GROWTH_GOALS).map(([figure, { title, isMoreBetter, shareMin }]) => {
        const share = isMoreBetter ? level[figure] / least[figure] : least[figure] / level[figure];
        return { shards, pending: level.pending, figure: title, share, shareMin, isMet: share >= shareMin };
      }),
    );
  });
}
