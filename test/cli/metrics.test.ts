import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { setupRedisProcess } from "../dev/setup.ts";
import { eventually } from "../support/fixture.ts";
import { setupCli, type LongRun } from "./support/cli.ts";

const ANY = ["--metrics-port", "0", "--metrics-host", "127.0.0.1"];

async function addressOf(run: LongRun): Promise<string> {
  return String((await run.logged("serving metrics"))["address"]);
}

const get = async (url: string, init?: RequestInit) => {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000), ...init });
  return { status: response.status, headers: response.headers, text: await response.text() };
};

const health = async (
  url: string,
): Promise<{ status: number; checks: Record<string, Record<string, unknown>> }> => {
  const { status, text } = await get(url);
  return { status, checks: (JSON.parse(text) as { checks: Record<string, Record<string, unknown>> }).checks };
};

it("a worker tells of its work, and of its health until it ends", async () => {
  const { start, file, queue } = setupCli();
  file(
    "h.mjs",
    `const block = (ms) => { const until = performance.now() + ms; while (performance.now() < until); };
     export const quick = () => 1;
     export const blocks = () => block(700);
     export const slow = ({ data }) => new Promise((resolve) => setTimeout(resolve, data));`,
  );
  const tasks = queue();
  await tasks.add("quick", 1);
  const worker = start(["worker", "--queue", "q", "--handler", "h.mjs", ...ANY]);
  const at = await addressOf(worker);
  expect(at).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  await eventually(async () => expect((await health(`${at}/readyz`)).status).toBe(200));
  expect(await health(`${at}/healthz`)).toMatchObject({ status: 200, checks: { loops: { ok: true } } });
  await eventually(async () => {
    const { status, headers, text } = await get(`${at}/metrics`);
    expect({ status, type: headers.get("content-type") }).toEqual({
      status: 200,
      type: "text/plain; version=0.0.4; charset=utf-8",
    });
    expect(text).toContain('delayq_tasks_completed_total{queue="q"} 1\n');
    expect(text).toContain('delayq_task_start_lag_seconds_count{queue="q"} 1\n');
    expect(text).toMatch(/^process_cpu_seconds_total \d/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds \d/m);
  });
  expect(await get(`${at}/metrics?x=1`, { method: "HEAD" })).toMatchObject({ status: 200, text: "" });
  expect(await get(`${at}/`)).toMatchObject({
    status: 404,
    text: "There is nothing under this path. What there is: /metrics, /healthz, /readyz\n",
  });
  expect(await get(`${at}/metrics`, { method: "POST" })).toMatchObject({ status: 405 });

  await tasks.add("blocks", 1);
  await eventually(async () => {
    const { eventLoop } = (await health(`${at}/healthz`)).checks;
    expect(Number(eventLoop?.["longestBlockedMs"])).toBeGreaterThan(500);
  });

  await tasks.add("slow", 1500);
  await eventually(async () => expect(await tasks.counts()).toMatchObject({ leased: 1 }));
  worker.child.kill("SIGTERM");
  await eventually(async () =>
    expect(await health(`${at}/readyz`)).toMatchObject({
      status: 503,
      checks: { process: { ok: false, reason: "the process is stopping" } },
    }),
  );
  expect((await health(`${at}/healthz`)).status).toBe(200);
  expect(await worker.ended).toBe(0);
});

it("a scheduler is told by its environment where to serve", async () => {
  const { start } = setupCli();
  const scheduler = start(["scheduler", "--queue", "q"], {
    env: { DELAYQ_METRICS_PORT: "0", DELAYQ_METRICS_HOST: "127.0.0.1" },
  });
  const at = await addressOf(scheduler);
  await eventually(async () => {
    const { text } = await get(`${at}/metrics`);
    expect(text).toContain('delayq_tasks_recovered_total{queue="q"} 0\n');
    expect(text).toMatch(/delayq_script_duration_seconds_count\{script="beat"\} [1-9]/);
  });
  expect((await health(`${at}/readyz`)).status).toBe(200);
  scheduler.child.kill("SIGTERM");
  expect(await scheduler.ended).toBe(0);
});

it("says that an address without a port serves nothing", async () => {
  const { start } = setupCli();
  const scheduler = start(["scheduler", "--queue", "q", "--metrics-host", "127.0.0.1"]);
  const line = await scheduler.logged(
    "an address for metrics does nothing without a port: give --metrics-port or DELAYQ_METRICS_PORT too",
  );
  expect(line["level"]).toBe(40);
  scheduler.child.kill("SIGTERM");
  expect(await scheduler.ended).toBe(0);
});

it("a worker whose Redis is frozen is alive, but not ready until it goes on", async () => {
  const { start, file } = setupCli();
  file("h.mjs", "export default () => {};");
  const redis = await setupRedisProcess();
  await redis.start();
  const worker = start(["worker", "--queue", "q", "--handler", "h.mjs", "--url", redis.url, ...ANY]);
  const at = await addressOf(worker);
  const isReady = async (status: number): Promise<void> =>
    await eventually(async () => expect(await health(`${at}/readyz`)).toMatchObject({ status }));
  await isReady(200);
  await redis.kill("SIGSTOP");
  await isReady(503);
  expect((await health(`${at}/readyz`)).checks["redis"]?.["reason"]).toMatch(
    /^(there is no connection to Redis|Redis has not answered for \d+ ms)$/,
  );
  expect((await health(`${at}/healthz`)).status).toBe(200);
  expect((await get(`${at}/metrics`)).status).toBe(200);
  await redis.kill("SIGCONT");
  await isReady(200);
});

it("ends with code 1 where the port is taken", async () => {
  const { run, file } = setupCli();
  const handler = file("h.mjs", "export default () => {};");
  const other = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void other.close());
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const there = ["--metrics-port", String(port), "--metrics-host", "127.0.0.1"];
  const ended = await Promise.all([
    run(["worker", "--queue", "q", "--handler", handler, ...there]),
    run(["scheduler", "--queue", "q", ...there]),
    run(["exporter", "--port", String(port), "--host", "127.0.0.1"]),
  ]);
  for (const { code, stderr } of ended) {
    expect(stderr).toBe(`delayq: metrics cannot be served on port ${port}: it is in use; give another one\n`);
    expect(code).toBe(1);
  }
});

it("the exporter tells of queues, also when there was no Redis when it started, and when they were exported", async () => {
  const { start, run, queue } = setupCli();
  const any = ["--port", "0", "--host", "127.0.0.1"];
  await queue().add("a", 1, { delay: 600_000 });
  const exporter = start(["exporter", ...any]);
  const lost = start(["exporter", "--url", "redis://127.0.0.1:1", ...any]);
  const at = await addressOf(exporter);
  const { text } = await get(`${at}/metrics`);
  expect(text).toContain('delayq_queue_tasks{queue="q",state="delayed"} 1\n');
  expect(text).not.toContain("delayq_queue_last_export_timestamp_seconds{");
  expect(await run(["export", "q"])).toMatchObject({ code: 0, stderr: "" });
  expect((await get(`${at}/metrics`)).text).toMatch(
    /delayq_queue_last_export_timestamp_seconds\{queue="q"\} 1\d{9}/,
  );
  const away = await get(`${await addressOf(lost)}/metrics`);
  expect(away.status).toBe(200);
  expect(away.text).toContain('delayq_redis_up{node="127.0.0.1:1"} 0\n');
  for (const one of [exporter, lost]) {
    expect((await health(`${await addressOf(one)}/readyz`)).status).toBe(200);
    one.child.kill("SIGTERM");
    expect(await one.ended).toBe(0);
  }
});
