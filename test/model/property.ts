import fc from "fast-check";
import { scene, type Scene } from "./operations.ts";
import { World } from "./world.ts";

const MULTIPLIER = 1_664_525;
const INCREMENT = 1_013_904_223;

/** What fast-check does not draw itself (buckets of generated ids, turns of shards) is the same in every repetition. */
async function withSettledChance<T>(run: () => Promise<T>): Promise<T> {
  const { random } = Math;
  let state = 1;
  Math.random = () => {
    state = (Math.imul(state, MULTIPLIER) + INCREMENT) >>> 0;
    return state / 2 ** 32;
  };
  try {
    return await run();
  } finally {
    Math.random = random;
  }
}

async function runScene(url: string, { shards, steps }: Scene): Promise<void> {
  await withSettledChance(async () => {
    const world = new World(url, shards);
    let done = 0;
    try {
      for (const step of steps) {
        await world.step(step);
        done++;
      }
      await world.finish();
    } catch (error) {
      const where = done < steps.length ? `step ${done + 1}` : "the end";
      throw new Error(`at ${where}: ${(error as Error).message}`, { cause: error });
    } finally {
      await world.close();
    }
  });
}

/** Runs scenes until one fails. Returns how, as text, and how to repeat it; undefined if none does. */
export async function findFault(url: string, options: fc.Parameters<[Scene]>): Promise<string | undefined> {
  const property = fc.asyncProperty(scene, async (scene) => await runScene(url, scene));
  const details = await fc.check(property, options);
  if (!details.failed) return undefined;
  const [found] = details.counterexample ?? [];
  const steps = found?.steps.map((step, i) => `  ${i + 1}. ${JSON.stringify(step)}`);
  return [
    `DELAYQ_SEED=${details.seed} DELAYQ_PATH=${details.counterexamplePath}`,
    `failed in run ${details.numRuns}, shrunk ${details.numShrinks} times, ${found?.shards} shards:`,
    ...(steps ?? []),
    details.errorInstance instanceof Error ? details.errorInstance.message : String(details.errorInstance),
  ].join("\n");
}
