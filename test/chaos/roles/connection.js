import { Cluster } from "ioredis";

/**
 * What a topology says of its Redis, as JSON, made into what the engine takes: { url }, or { options } of ioredis (its
 * sentinels among them), or { nodes, options } of a Cluster.
 */
export function connectionOf({ url, nodes, options }) {
  if (url !== undefined) return url;
  return nodes === undefined ? options : new Cluster(nodes, { ...options, lazyConnect: true });
}
