/*
 * How users run it: with an AOF, over a network, with several worker processes. Goals are for the plain one alone: everything on
 * one machine, nothing written to disk, one worker process.
 */
export const AOF_MODES = ["everysec", "always"];
export const PLAIN = variantOf({});

export function variantOf({ aof, networkMs = 0, workers = 1 }) {
  const config = aof === undefined ? {} : { appendonly: "yes", appendfsync: aof };
  const words = [];
  if (aof !== undefined) words.push(`AOF ${aof}`);
  if (networkMs > 0) words.push(`network ${networkMs} ms`);
  if (workers > 1) words.push(`${workers} worker processes`);
  return { label: words.join(", "), redis: { config, networkMs }, workers };
}
