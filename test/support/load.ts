import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import type { Queue } from "../../src/index.ts";
import { eventually } from "./fixture.ts";

/** Adds due tasks one after the other, whatever happens to Redis, and notes what becomes of them. */
export interface Load {
  /** By id: when its add was acknowledged, on the clock of `performance.now()`. */
  readonly acked: ReadonlyMap<string, number>;
  /** By id: when its handler began first. */
  readonly started: ReadonlyMap<string, number>;
  /** Why adds were refused or given up. */
  readonly errors: readonly unknown[];
  /** To be a handler. */
  readonly handler: (task: { readonly id: string }) => void;
  /** How long it took from then on until a task started that was acknowledged after it. */
  firstStartAfter(ms: number): Promise<number>;
  /** Adds no more, and resolves when all that was acknowledged has started; but for what was acknowledged in a time when it may be lost. */
  drain(isExcused?: (ackedMs: number) => boolean): Promise<void>;
}

const EVERY_MS = 5;
const BOUND_MS = 40_000;
const UNDER_WAY_MAX = 5000;

export function startLoad(queue: Queue): Load {
  const acked = new Map<string, number>();
  const started = new Map<string, number>();
  const errors: unknown[] = [];
  const stopping = new AbortController();
  let underWay = 0;
  const add = async (): Promise<void> => {
    underWay++;
    try {
      const { id } = await queue.add("load", null);
      acked.set(id, performance.now());
    } catch (error) {
      errors.push(error);
    }
    underWay--;
  };
  const adding = (async () => {
    while (!stopping.signal.aborted) {
      if (underWay < UNDER_WAY_MAX) void add(); // never rejects
      await sleep(EVERY_MS);
    }
  })();
  const stop = async (): Promise<void> => {
    stopping.abort();
    await adding;
  };
  onTestFinished(stop);
  return {
    acked,
    started,
    errors,
    handler: ({ id }) => {
      if (!started.has(id)) started.set(id, performance.now());
    },
    firstStartAfter: async (ms) =>
      await eventually(() => {
        for (const [id, startedMs] of started) if ((acked.get(id) ?? 0) > ms) return startedMs - ms;
        throw new Error(`no task that was added later has started; errors: ${String(errors.slice(0, 3))}`);
      }, BOUND_MS),
    drain: async (isExcused = () => false) => {
      await stop();
      await eventually(() => {
        if (underWay > 0) throw new Error(`${underWay} adds are under way`);
        const missing = [...acked].filter(([id, ackedMs]) => !started.has(id) && !isExcused(ackedMs));
        if (missing.length > 0) {
          throw new Error(`${missing.length} of ${acked.size} acknowledged tasks have not started`);
        }
      }, BOUND_MS);
    },
  };
}

/** Waits until the load flows. */
export async function flowing({ started }: Load, count = 100): Promise<void> {
  await eventually(() => {
    if (started.size < count) throw new Error(`only ${started.size} tasks have started`);
  }, BOUND_MS);
}
