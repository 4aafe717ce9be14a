import { LATER } from "../support/due.js";
import { withProducer } from "../support/fleet.js";

/** What a pending task takes of Redis' memory. */
export const bytes = {
  name: "bytes",
  hasFloor: true,
  isSteady: true,
  async run({ engine, redis, scale }) {
    const before = await redis.usedMemory();
    const count = scale.bytesTasks;
    return await withProducer({ engine, redis }, async (producer) => {
      await producer.ask("load", { count, due: LATER });
      return { bytes: ((await redis.usedMemory()) - before) / count };
    });
  },
};
