/** All workers and schedulers are replaced, one by one, in order; some have no grace for their handlers. */
export const rollingDeploy = {
  name: "rolling-deploy",
  promised: "none lost",
  touches: ["workers", "schedulers"],
  async populate(run) {
    await run.populate({ workers: 2 });
    await run.fleet.start("worker", { options: { graceMs: 0 } });
  },
  async strike(run) {
    const { fleet } = run;
    const all = [...fleet.of("worker"), ...fleet.of("scheduler")];
    await run.fault({ name: "rolling-deploy", kind: "deploy", victims: all, least: all.length }, async () => {
      for (const [i, role] of all.entries()) {
        const isCurt = role.kind === "worker" && i % 2 === 0;
        await fleet.start(role.kind, isCurt ? { options: { graceMs: 0 } } : {});
        await run.stop(role);
      }
      return all.filter(({ isRunning, exitCode }) => !isRunning && exitCode === 0).length;
    });
  },
};
