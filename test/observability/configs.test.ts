import { readFile } from "node:fs/promises";
import { describe, expect, inject, test } from "vitest";
import { runCommand } from "../../src/dev/run-command.ts";

/* What is shipped in deploy/, as promtool and amtool see it. */
const tools = inject("prometheusTools");
const folder = new URL("../../deploy/prometheus/", import.meta.url).pathname;

/** What a tool says to its end; fails if it is not content. */
async function run(tool: "promtool" | "amtool", ...args: string[]): Promise<string> {
  const { isOk, stdout, stderr } = await runCommand(tools![tool], args, {
    env: process.env,
    timeoutMs: 110_000,
    cwd: folder,
  });
  expect(isOk, `${tool} ${args.join(" ")}\n${stdout}\n${stderr}`).toBe(true);
  return stdout;
}

const receiverOf = async (...labels: string[]): Promise<string> =>
  (await run("amtool", "config", "routes", "test", "--config.file=alertmanager.yml", ...labels)).trim();

describe.skipIf(tools === undefined)("what is shipped", () => {
  test("promtool takes the rules", async () => {
    expect(await run("promtool", "check", "rules", "delayq.rules.yml")).toContain("SUCCESS");
  });

  test("each alert speaks when it should, and not before", async () => {
    expect(await run("promtool", "test", "rules", "delayq.rules.test.yml")).toContain("SUCCESS");
  });

  test("each alert is tested both ways", async () => {
    const rules = await readFile(`${folder}delayq.rules.yml`, "utf8");
    const tests = await readFile(`${folder}delayq.rules.test.yml`, "utf8");
    const alerts = new Set([...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name!));
    expect(alerts.size).toBeGreaterThan(15);
    const expectations = tests.split("- alertname: ").slice(1);
    const ofAlert = (alert: string): string[] =>
      expectations.filter((one) => /^\w+/.exec(one)?.[0] === alert);
    const untested = [...alerts].filter((alert) => {
      const all = ofAlert(alert);
      const quiet = all.filter((one) => one.includes("exp_alerts: []"));
      return quiet.length === all.length || quiet.length === 0;
    });
    expect(untested).toEqual([]);
  });

  test("promtool takes the example of Prometheus' configuration", async () => {
    expect(await run("promtool", "check", "config", "prometheus.yml")).toContain("SUCCESS");
  });

  test("amtool takes the example of Alertmanager's, and alerts go where they should", async () => {
    expect(await run("amtool", "check-config", "alertmanager.yml")).toContain("SUCCESS");
    expect(await receiverOf("alertname=DelayqSchedulerDown", "severity=critical")).toBe("on-call");
    expect(await receiverOf("alertname=DelayqBackupOld", "severity=warning")).toBe("team");
    expect(await receiverOf("alertname=SomethingElse", "severity=critical")).toBe("team");
  });
});
