import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Finding } from "../../src/core/doctor-facts.ts";
import { startDevRedis, type DevRedis } from "../../src/dev/dev-redis.ts";
import { eventually, setup } from "../support/fixture.ts";
import { runCli, setupCommands } from "./support/cli.ts";

interface Document {
  readonly healthy: boolean;
  readonly ok: number;
  readonly warnings: number;
  readonly failures: number;
  readonly findings: readonly Finding[];
}

let redis: DevRedis;
beforeAll(async () => {
  const config = { appendonly: "yes", save: "" };
  redis = await startDevRedis({ env: { ...process.env, DELAYQ_REDIS_URL: undefined }, config });
});
afterAll(async () => await redis.stop());

function setupDoctor() {
  const engine = setup(redis.url);
  const commands = setupCommands(engine.prefix, { DELAYQ_REDIS_URL: redis.url });
  const examine = async (...args: string[]): Promise<{ code: number | null; document: Document }> => {
    const { code, stdout, stderr } = await commands.run(["doctor", ...args, "--json"]);
    expect(stderr).toBe("");
    return { code, document: JSON.parse(stdout) as Document };
  };
  return { ...engine, ...commands, examine };
}

const levels = ({ findings }: Document) =>
  Object.fromEntries(findings.map(({ check, level }) => [check, level]));

describe("doctor", () => {
  test("finds nothing wrong where all is well, and ends with 0", async () => {
    const { queue, worker, examine, run } = setupDoctor();
    worker(async () => {});
    await queue().add("n", 1, { delay: 3_600_000 });
    await eventually(async () => {
      const { code, document } = await examine("q");
      expect(document.findings.filter(({ level }) => level !== "ok")).toEqual([]);
      expect({ code, healthy: document.healthy, failures: document.failures }).toEqual({
        code: 0,
        healthy: true,
        failures: 0,
      });
    });
    const { code, stdout, stderr } = await run(["doctor"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("  ok       maxmemory-policy: noeviction\n");
    expect(stdout).toContain(
      "\nqueue q\n  ok       schedulers: 1 scheduler alive, each of 4 shards has one\n",
    );
    expect(stdout).toMatch(/\n\d+ ok, 0 warnings, 0 failures\n$/);
  });

  test("ends with 0 where there are only warnings", async () => {
    const { queue, worker, examine } = setupDoctor();
    worker(async () => {});
    await queue().add("n", 1, { delay: 3_600_000 });
    await queue().pause();
    await eventually(async () => {
      const { code, document } = await examine("q");
      expect(levels(document)).toMatchObject({ paused: "warning", schedulers: "ok" });
      expect({ code, warnings: document.warnings }).toEqual({ code: 0, warnings: 1 });
    });
  });

  test("says what is wrong, why it matters and what to do, and ends with 3", async () => {
    const { queue, examine, run } = setupDoctor();
    const tasks = queue();
    // Once: all of them must be due in one second.
    const busyMs = Math.ceil((Date.now() + 5_000_000) / 1000) * 1000;
    await tasks.addBulk([
      { name: "n", data: 1, opts: { at: Date.now() - 3_600_000 } },
      ...Array.from({ length: 10_500 }, (_, i) => ({
        name: "n",
        data: 1,
        opts: { at: busyMs + (i % 900) },
      })),
    ]);
    const { code, document } = await examine("q");
    expect(code).toBe(3);
    expect(levels(document)).toMatchObject({
      schedulers: "failure",
      workers: "failure",
      "oldest-due": "failure",
      "busiest-second": "warning",
      dead: "ok",
    });
    for (const finding of document.findings) {
      expect(finding.about).toMatch(/^(redis|server 127\.0\.0\.1:\d+|queue q)$/);
      if (finding.level !== "ok")
        expect(finding).toMatchObject({ why: expect.any(String), fix: expect.any(String) });
    }
    const { code: told, stdout, stderr } = await run(["doctor", "q"]);
    expect({ told, stderr }).toEqual({ told: 3, stderr: "" });
    expect(stdout).toContain(
      "  FAILURE  workers: 0 workers alive, 1 task ready\n" +
        "           why: Due tasks wait, and nobody runs them.\n" +
        "           do:  Start one: delayq worker --queue q --handler FILE\n",
    );
  });

  test("says what its user of Redis may not ask, and does not call it ok", async () => {
    const { queue, worker, prefix } = setupDoctor();
    worker(async () => {});
    await queue().add("n", 1, { delay: 3_600_000 });
    const admin = new Redis(redis.url);
    onTestFinished(() => admin.disconnect());
    const rights = ["on", ">hidden", "~*", "&*", "+@all"];
    const env = {
      DELAYQ_REDIS_URL: redis.url,
      DELAYQ_REDIS_USERNAME: "looks",
      DELAYQ_REDIS_PASSWORD: "hidden",
    };
    const { run } = setupCommands(prefix, env);
    const levelsWithout = async (...refused: string[]): Promise<object> => {
      await admin.acl("SETUSER", "looks", "reset", ...rights, ...refused);
      return await eventually(async () => {
        const { code, stdout, stderr } = await run(["doctor", "q", "--json"]);
        // ioredis says by itself that it may not ask for INFO.
        const isTold = refused.includes("-info") && stderr.startsWith("Skipping the ready check");
        expect({ code, stderr: isTold ? "" : stderr }).toEqual({ code: 0, stderr: "" });
        const document = JSON.parse(stdout) as Document;
        expect(levels(document)).toMatchObject({ schedulers: "ok" });
        const rest = document.findings.filter(({ level }) => level !== "ok");
        expect(document).toMatchObject({ unknown: rest.length, warnings: 0, failures: 0, healthy: true });
        return Object.fromEntries(rest.map(({ check, level }) => [check, level]));
      });
    };
    expect(await levelsWithout("-acl")).toEqual({ "acl-rights": "unknown" });
    expect(await levelsWithout("-acl", "-config")).toEqual({
      "acl-rights": "unknown",
      persistence: "unknown",
    });
    expect(await levelsWithout("-acl", "-config", "-info")).toEqual({
      connection: "unknown",
      "acl-rights": "unknown",
      version: "unknown",
      persistence: "unknown",
      "maxmemory-policy": "unknown",
      memory: "unknown",
    });
    const { stdout } = await run(["doctor", "q"]);
    expect(stdout).toContain("  unknown  acl-rights: could not be asked: NOPERM");
    expect(stdout).toMatch(/0 warnings, 0 failures, 6 unknown\n$/);
    expect(stdout).not.toContain("hidden");
  });

  test("sees that many tasks die", async () => {
    const { queue, worker, examine } = setupDoctor();
    const tasks = queue();
    await tasks.addBulk(Array.from({ length: 30 }, () => ({ name: "n", data: 1, opts: { attempts: 1 } })));
    worker(() => {
      throw new Error("no");
    });
    await eventually(async () => {
      const { document } = await examine("q");
      expect(levels(document)).toMatchObject({ dead: "warning", "expired-leases": "ok" });
    });
  });

  test("knows what is no queue, and no Redis", async () => {
    const { run } = setupDoctor();
    const [queue, none] = await Promise.all([
      run(["doctor", "nothing"]),
      runCli(["doctor", "--url", "redis://127.0.0.1:1"]),
    ]);
    expect(queue).toMatchObject({ code: 4, stdout: "" });
    expect(none).toMatchObject({ code: 3, stdout: "" });
    expect(none.stderr).toContain("cannot be used");
  });
});
