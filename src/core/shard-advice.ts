/**
 * What to say of shards that are too large for a Cluster.
 *
 * A slot is moved key by key, and while a key moves its master does nothing else. The largest key of a shard holds its
 * records: with 200,000 of them that takes 0.8 s, in which every queue on that master stands still.
 */
export const SHARD_TASKS_MAX = 200_000;
const MS_PER_TASK = 800 / SHARD_TASKS_MAX;

/** @param sizes how many tasks each shard holds @returns a sentence or two for the operator, or undefined if all is well */
export function shardAdvice(queue: string, sizes: readonly number[]): string | undefined {
  const crowded = sizes.filter((size) => size > SHARD_TASKS_MAX);
  if (crowded.length === 0) return undefined;
  const largest = Math.max(...crowded);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const wanted = Math.min(1024, 2 ** Math.ceil(Math.log2(total / SHARD_TASKS_MAX) + 1));
  return (
    `${crowded.length} of the ${sizes.length} shards of queue ${queue} hold more than ${SHARD_TASKS_MAX.toLocaleString("en-US")} tasks, ` +
    `the largest ${largest.toLocaleString("en-US")}: when its slot moves to another master, the old one stands still for about ` +
    `${((largest * MS_PER_TASK) / 1000).toFixed(1)} s. Move slots while there are fewer tasks, or make the queue anew with ` +
    `${wanted > sizes.length ? `${wanted} shards` : "more shards"}.`
  );
}
