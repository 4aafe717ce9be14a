import { unanswered } from "./evidence.js";

const KILLS = 3;
const BULKS = 4;

/** Producers die in the middle of their calls, and others take their place; what was acknowledged by then counts. */
export const producerKill = {
  name: "producer-kill",
  promised: "none lost",
  touches: ["producers"],
  async strike(run, random) {
    const { fleet } = run;
    await run.fault({ name: "producer-kill", kind: "producer" }, async ({ victims }) => {
      for (let kills = 0; kills < KILLS; kills++) {
        const victim = random.pick(fleet.of("producer"));
        victims.push(victim.name);
        for (let bulks = 0; bulks < BULKS; bulks++) victim.send({ bulk: true });
        await run.sleep(random.between(1, 8));
        await run.kill(victim);
        await fleet.start("producer");
        run.feed();
        await run.sleep(random.between(100, 400));
      }
      return unanswered;
    });
  },
};
