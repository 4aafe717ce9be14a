/** What the tests of the looks at the keyspace need to know of them. */
import type { Finding } from "./checker.js";

export interface Server {
  call(...args: string[]): Promise<unknown>;
}

export interface Picture {
  readonly shard: number;
  readonly redis: Server;
  readonly sentT: number;
  readonly t: number;
  readonly numbers: Record<string, number>;
  readonly counters: Record<string, number>;
}

export function inspect(
  byKey: (key: string) => Server | undefined,
  place: { readonly prefix: string; readonly queue: string; readonly shards: number },
): Promise<Picture[]>;

export function stepFaultsOf(before: Picture, after: Picture, faults: readonly object[]): Finding[];
