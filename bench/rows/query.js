import { withProducer } from "../support/fleet.js";

const IN_FLIGHT = 200;

/** `get`, `cancel` and `reschedule` in turns, each of another random pending task. */
export const query = {
  name: "query",
  hasFloor: false,
  run: async ({ engine, redis, scale }) => ({
    query: await withProducer({ engine, redis }, (producer) =>
      producer.ask("query", { pending: scale.queryPending, inFlight: IN_FLIGHT, ...scale.saturate }),
    ),
  }),
};
