import { faketimeEnv, findFaketime, whyNoFaketime } from "../faketime.js";

const HOUR_MS = 3_600_000;
const SKEWED = 5;

/** A producer's clock is an hour ahead, a worker's an hour behind, a scheduler's too. Redis' own is the only one that counts. */
export const clockSkew = {
  name: "clock-skew",
  promised: "none lost",
  unavailable: whyNoFaketime,
  async populate(run) {
    const { fleet } = run;
    const library = await findFaketime();
    const off = (ms) => faketimeEnv(library, ms);
    await Promise.all([
      fleet.start("scheduler"),
      fleet.start("scheduler", { env: off(-HOUR_MS) }),
      fleet.start("worker"),
      fleet.start("worker", { env: off(-HOUR_MS) }),
      fleet.start("worker", { env: off(HOUR_MS) }),
      fleet.start("producer", { env: off(HOUR_MS), options: { clockOffMs: HOUR_MS } }),
      fleet.start("producer", { env: off(-HOUR_MS), options: { clockOffMs: -HOUR_MS } }),
    ]);
  },
  /** The clocks are off from the beginning; what strikes here is nothing. */
  async strike(run) {
    const { epochMs } = run;
    await run.fault({ name: "clock-skew", kind: "clock", least: SKEWED }, () => (events) => {
      const ups = events.filter(({ event }) => event === "up");
      return ups.filter(({ wallMs, t }) => Math.abs(wallMs - t - epochMs) > HOUR_MS / 2).length;
    });
  },
};
