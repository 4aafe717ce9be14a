import { Redis } from "ioredis";

/** The least that a delayed task can cost from Node.js: its payload in a hash, its id in a sorted set, and no promises made. */
export const floor = {
  settings: ["one ZADD and one HSET a task through a bare ioredis pipeline, on one pair of keys"],

  task(data, { delayMs }) {
    return { data, dueAtMs: Date.now() + delayMs };
  },

  openProducer({ url, queue }) {
    const redis = new Redis(url);
    let last = 0;
    const addBulk = async (tasks) => {
      const pipeline = redis.pipeline();
      for (const { data, dueAtMs } of tasks) {
        const id = String(++last);
        pipeline.zadd(`${queue}:due`, dueAtMs, id);
        pipeline.hset(`${queue}:tasks`, id, JSON.stringify(data));
      }
      await pipeline.exec();
    };
    return { addBulk, add: (task) => addBulk([task]), close: () => redis.disconnect() };
  },
};
