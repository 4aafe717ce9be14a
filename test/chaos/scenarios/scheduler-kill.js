/** A scheduler dies; the others take its shards when its heartbeat is missed. */
export const schedulerKill = {
  name: "scheduler-kill",
  promised: "none lost",
  firstStartMaxMs: () => 4000,
  async strike(run) {
    const { fleet, random } = run;
    const victim = random.pick(fleet.of("scheduler"));
    await run.fault("scheduler", [victim], async () => await run.kill(victim));
    await run.sleep(4000);
    await fleet.start("scheduler");
  },
};
