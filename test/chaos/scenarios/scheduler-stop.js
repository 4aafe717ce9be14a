/** A scheduler is frozen until another has its shards; when it goes on, two think that they own them. */
export const schedulerStop = {
  name: "scheduler-stop",
  promised: "none lost",
  firstStartMaxMs: () => 4000,
  async strike(run) {
    const { fleet, random } = run;
    const victim = random.pick(fleet.of("scheduler"));
    await run.fault("scheduler", [victim], async () => {
      victim.signal("SIGSTOP");
      await run.sleep(random.between(4000, 5000));
      victim.signal("SIGCONT");
    });
  },
};
