import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { waitUntil } from "../../src/dev/wait-until.ts";
import { readDashboard } from "../deploy/support/dashboard.ts";
import { namesIn } from "../deploy/support/names-in.ts";
import { runPromtool } from "./support/promtool.ts";
import { Stack, type Notification, type Told } from "./support/stack.ts";

/*
 * A real Prometheus scrapes real processes at work, by the configuration that is shipped. The tests build on each other: at
 * first all is well, then the last scheduler is killed, then it comes back.
 */
const tools = inject("prometheusTools");

const DATA_TIMEOUT_MS = 60_000;
/** The promise: within a minute from the kill. */
const ALERT_TIMEOUT_MS = 60_000;
/** A group of critical alerts is told of changes every 30 s; the rest is as above. */
const RESOLVE_TIMEOUT_MS = 90_000;

/** A query of the dashboard as it is when all is chosen. */
const asAsked = (expr: string): string =>
  expr.replaceAll(/\$(?:env|queue|job)\b/g, ".*").replaceAll("$__rate_interval", "30s");

describe.skipIf(tools === undefined)("a real Prometheus", () => {
  let stack: Stack;
  let exporter: Told;
  let worker: Told;
  let scheduler: Told;

  beforeAll(async () => {
    stack = await Stack.start();
    stack.produce();
    const first = await stack.scheduler();
    [exporter, worker, scheduler] = await Promise.all([stack.exporter(), stack.worker(), stack.scheduler()]);
    await stack.watch(tools!, {
      exporter: exporter.address,
      processes: [worker.address, scheduler.address],
    });
    await stack.export();
    // From here on there is one scheduler; nothing is said of that.
    await first.child.signal("SIGKILL");
  });

  afterAll(async () => await stack?.stop());

  test("promtool has nothing to say about delayq's own metrics", async () => {
    for (const { address } of [exporter, worker, scheduler]) {
      const text = await (await fetch(`${address}/metrics`)).text();
      expect(text).toMatch(/^# TYPE delayq_/m);
      const said = await runPromtool(tools!.promtool, ["check", "metrics"], text);
      expect(said.split("\n").filter((line) => line.includes("delayq"))).toEqual([]);
    }
  });

  test("every query of the dashboard runs and has data", async () => {
    const panels = readDashboard().panels.flatMap(({ title, targets }) =>
      (targets ?? []).map(({ expr }) => ({ title, expr: asAsked(expr) })),
    );
    const empty = async (): Promise<string[]> => {
      const found = await Promise.all(
        panels.map(async ({ title, expr }) => {
          const samples = await stack.prometheus.query(expr);
          return samples.some(({ value }) => value[1] !== "NaN") ? [] : [`${title}: ${expr}`];
        }),
      );
      return found.flat();
    };
    await waitUntil("data for each query", DATA_TIMEOUT_MS, async () => (await empty()).length === 0).catch(
      () => {}, // which ones are empty is said below
    );
    expect(await empty()).toEqual([]);
  });

  test("every metric that a rule or a panel names exists, and every rule runs", async () => {
    const rules = await stack.prometheus.rules();
    expect(rules.length).toBeGreaterThan(20);
    expect(rules.filter(({ health }) => health === "err")).toEqual([]);
    const exprs = readDashboard().panels.flatMap(({ targets }) => (targets ?? []).map(({ expr }) => expr));
    const named = new Set([...rules.map(({ query }) => query), ...exprs].flatMap(namesIn));
    expect(named.size).toBeGreaterThan(30);
    const known = new Set(await stack.prometheus.names());
    expect([...named].filter((name) => !known.has(name))).toEqual([]);
  });

  test("while all is well, nobody is woken", async () => {
    const firing = await stack.prometheus.query('ALERTS{alertstate="firing", severity="critical"}');
    expect(firing.map(({ metric }) => metric["alertname"])).toEqual([]);
    expect(toldOf(stack.notifications, "firing")).toEqual([]);
  });

  test("a task that no worker handles will be told of, if that lasts", async () => {
    const pending = async () =>
      await stack.prometheus.query('ALERTS{alertname="DelayqTasksUnhandled", alertstate="pending"}');
    const [alert] = await waitUntil("the alert to be pending", DATA_TIMEOUT_MS, async () => {
      const found = await pending();
      return found.length > 0 && found;
    });
    expect(alert?.metric).toMatchObject({ queue: "q", severity: "warning" });
  });

  test("what follows from something that is told of is kept quiet", async () => {
    const alert = (alertname: string, severity: string, env: string, queue?: string) => ({
      alertname: `Delayq${alertname}`,
      severity,
      env,
      ...(queue !== undefined && { queue }),
    });
    await stack.alertmanager.tell([
      alert("RedisDown", "critical", "a"),
      alert("OldestDueAgeHigh", "critical", "a", "q"),
      alert("RedisNodeDown", "warning", "a"),
      alert("SchedulerDown", "critical", "b"),
      alert("StartLagHigh", "warning", "b", "q"),
      alert("DeadGrowing", "warning", "b", "q"),
      alert("ReadyWithoutWorkers", "critical", "c", "q"),
      alert("OldestDueAgeHigh", "critical", "c", "q"),
      alert("OldestDueAgeHigh", "warning", "c", "q"),
      alert("OldestDueAgeHigh", "warning", "c", "other"),
      alert("OldestDueAgeHigh", "critical", "d", "q"),
      alert("OldestDueAgeHigh", "warning", "d", "q"),
      alert("TaskTimeouts", "warning", "d", "q"),
      alert("FailureRatioHigh", "warning", "d", "q"),
      alert("RedisNodeDown", "warning", "e"),
      alert("ReplicationBroken", "warning", "e"),
      alert("ReplicaBehind", "warning", "e"),
    ]);
    expect(await stack.alertmanager.quiet("a")).toEqual({
      "DelayqRedisDown critical": false,
      "DelayqOldestDueAgeHigh critical q": true,
      "DelayqRedisNodeDown warning": true,
    });
    expect(await stack.alertmanager.quiet("b")).toEqual({
      "DelayqSchedulerDown critical": false,
      "DelayqStartLagHigh warning q": true,
      "DelayqDeadGrowing warning q": false,
    });
    expect(await stack.alertmanager.quiet("c")).toEqual({
      "DelayqReadyWithoutWorkers critical q": false,
      "DelayqOldestDueAgeHigh critical q": true,
      "DelayqOldestDueAgeHigh warning q": true,
      "DelayqOldestDueAgeHigh warning other": false,
    });
    expect(await stack.alertmanager.quiet("d")).toEqual({
      "DelayqOldestDueAgeHigh critical q": false,
      "DelayqOldestDueAgeHigh warning q": true,
      "DelayqTaskTimeouts warning q": false,
      "DelayqFailureRatioHigh warning q": false,
    });
    expect(await stack.alertmanager.quiet("e")).toEqual({
      "DelayqRedisNodeDown warning": false,
      "DelayqReplicationBroken warning": false,
      "DelayqReplicaBehind warning": true,
    });
  });

  test(
    "the kill of the last scheduler reaches the webhook within a minute",
    { timeout: ALERT_TIMEOUT_MS + 30_000 },
    async () => {
      await scheduler.child.signal("SIGKILL");
      const killedAtMs = Date.now();
      const told = await waitUntil("the alert", ALERT_TIMEOUT_MS, async () =>
        Promise.resolve(toldOf(stack.notifications, "firing")[0]),
      );
      console.error(`DelayqSchedulerDown reached the webhook after ${told.atMs - killedAtMs} ms`);
      expect(told.receiver).toBe("on-call");
      expect(told.atMs - killedAtMs).toBeLessThan(ALERT_TIMEOUT_MS);
    },
  );

  test("its return does, too", { timeout: RESOLVE_TIMEOUT_MS + 30_000 }, async () => {
    await stack.scheduler();
    const upAtMs = Date.now();
    const told = await waitUntil("the end of the alert", RESOLVE_TIMEOUT_MS, async () =>
      Promise.resolve(toldOf(stack.notifications, "resolved")[0]),
    );
    console.error(`its end reached the webhook after ${told.atMs - upAtMs} ms`);
    expect(told.receiver).toBe("on-call");
  });
});

function toldOf(notifications: readonly Notification[], status: string): Notification[] {
  return notifications.filter(({ alerts }) =>
    alerts.some(
      ({ labels, ...one }) =>
        labels["alertname"] === "DelayqSchedulerDown" && labels["env"] === undefined && one.status === status,
    ),
  );
}
