import { withProducer } from "../support/fleet.js";

const BATCH = 1000;
const BATCHES_IN_FLIGHT = 4;
const IN_FLIGHT = 200;

/** Delayed tasks in batches. */
export const addBulk = {
  name: "add-bulk",
  hasFloor: true,
  run: async ({ engine, redis, scale, durability }) => ({
    "add-bulk": await withProducer({ engine, redis, durability }, (producer) =>
      producer.ask("addBulk", { batch: BATCH, inFlight: BATCHES_IN_FLIGHT, ...scale.adding }),
    ),
  }),
};

/** Delayed tasks one by one, each awaited. */
export const add = {
  name: "add",
  hasFloor: true,
  run: async ({ engine, redis, scale, durability }) => ({
    add: await withProducer({ engine, redis, durability }, (producer) =>
      producer.ask("add", { inFlight: IN_FLIGHT, ...scale.adding }),
    ),
  }),
};
