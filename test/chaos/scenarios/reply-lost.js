import { CUT_OFF } from "./codes.js";

const ROUNDS = 20;
const CUTS_LEAST = 20;

/** Again and again a command is executed and its answer lost: claims, settles, adds, pauses are sent twice. */
export const replyLost = {
  name: "reply-lost",
  promised: "none lost",
  touches: ["network"],
  isProxied: true,
  codes: CUT_OFF,
  /** No lease may end here by itself, so that one that was given to nobody shows. */
  leaseMs: ({ leaseMs }) => Math.max(leaseMs, 3000),
  async strike(run, random) {
    const { topology } = run;
    const cuts = () => [...topology.proxies.values()].reduce((sum, { cut }) => sum + cut, 0);
    const before = cuts();
    await run.fault({ name: "reply-lost", kind: "network", least: CUTS_LEAST }, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        for (const proxy of topology.proxies.values()) {
          proxy.delayMs = random.chance(0.3) ? random.int(1, 20) : 0;
          if (random.chance(0.7)) proxy.cutReplies();
        }
        if (round === ROUNDS / 2) await run.pause(random);
        else await run.sleep(random.between(60, 200));
      }
      for (const proxy of topology.proxies.values()) proxy.delayMs = 0;
      return cuts() - before;
    });
  },
};
