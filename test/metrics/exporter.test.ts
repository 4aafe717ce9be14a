import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { Registry } from "prom-client";
import { pino } from "pino";
import { expect, it, onTestFinished } from "vitest";
import { UnrecoverableError } from "../../src/index.ts";
import { EXPORTER_METRICS } from "../../src/metrics/catalogue.ts";
import { QueueExporter } from "../../src/metrics/exporter.ts";
import { Connection } from "../../src/store/connection.ts";
import { readServers } from "../../src/store/redis-facts.ts";
import { QueueStore } from "../../src/store/queue-store.ts";
import { setupRedisProcess } from "../dev/setup.ts";
import { eventually, setup } from "../support/fixture.ts";
import { useOwnRedis } from "../store/own-redis.ts";
import { linesOf, samplesOf } from "./support.ts";

const own = useOwnRedis();

/** As GOLDEN of what processes tell. */
const GOLDEN = `
delayq_queue_tasks gauge queue,state
delayq_queue_oldest_due_age_seconds gauge queue
delayq_queue_due_tasks gauge queue,within
delayq_queue_paused gauge queue
delayq_queue_shards gauge queue
delayq_queue_shards_without_owner gauge queue
delayq_queue_workers gauge queue
delayq_queue_worker_slots gauge queue
delayq_queue_schedulers gauge queue
delayq_schedulers gauge
delayq_queue_events_total counter queue,event
delayq_queue_last_export_timestamp_seconds gauge queue
delayq_clock_skew_seconds gauge node
delayq_redis_up gauge node
delayq_redis_role gauge node,role
delayq_redis_cpu_seconds_total counter node,mode
delayq_redis_memory_used_bytes gauge node
delayq_redis_memory_max_bytes gauge node
delayq_redis_memory_used_ratio gauge node
delayq_redis_evicted_keys_total counter node
delayq_redis_network_receive_bytes_total counter node
delayq_redis_network_transmit_bytes_total counter node
delayq_redis_aof_enabled gauge node
delayq_redis_aof_last_write_ok gauge node
delayq_redis_rdb_last_save_ok gauge node
delayq_redis_rdb_last_save_timestamp_seconds gauge node
delayq_redis_disk_loading gauge node
delayq_redis_connected_replicas gauge node
delayq_redis_replica_lag_bytes gauge node,replica
delayq_redis_master_link_up gauge node
delayq_exporter_errors_total counter part
delayq_exporter_last_success_timestamp_seconds gauge`;

function exporterOf(url: string, prefix: string, queues: readonly string[] = []) {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>);
  const logger = pino({ level: "warn" }, { write });
  const connection = Connection.acquire(url, logger);
  onTestFinished(() => connection.release());
  const registry = new Registry();
  const exporter = new QueueExporter(connection, { prefix, queues, logger });
  exporter.register(registry);
  const scrape = async (): Promise<string> => {
    await exporter.read();
    return await registry.metrics();
  };
  /** By name and labels, but for that of the queue or node. */
  const values = async (): Promise<Record<string, number>> =>
    Object.fromEntries(
      samplesOf(await scrape()).map(({ name, labels, value }) => {
        const { queue: _, node: __, ...rest } = labels;
        return [[name, ...Object.values(rest)].join(" "), value];
      }),
    );
  return { connection, exporter, scrape, values, lines };
}

it("has these metrics, each with a HELP and a TYPE", async () => {
  const text = await exporterOf(own().url, "none").scrape();
  const golden = GOLDEN.trim()
    .split("\n")
    .map((line) => line.split(" "));
  expect(linesOf(text, "# TYPE")).toEqual(golden.map(([name, type]) => `${name} ${type}`));
  expect(linesOf(text, "# HELP").map((line) => line.split(" ", 1)[0])).toEqual(golden.map(([name]) => name));
  expect(
    Object.entries(EXPORTER_METRICS).map(([name, { type, labels }]) => [name, type, labels.join(",")]),
  ).toEqual(golden.map(([name, type, labels = ""]) => [name, type, labels]));
});

it("tells of a queue what is in it, what falls due ahead and what happened", async () => {
  const { queue, worker, prefix } = setup(own().url);
  const tasks = queue({ defaults: { attempts: 1 } });
  const { values, connection } = exporterOf(own().url, prefix);
  const minute = 60_000;
  const delays = [minute / 2, 2 * minute, 3 * minute, 30 * minute, 20 * 60 * minute, 48 * 60 * minute];
  await tasks.addBulk(delays.map((delay) => ({ name: "later", data: 1, opts: { delay } })));
  await tasks.addBulk(
    [1, 2, 3].map((n) => ({ name: "now", data: n, opts: { at: Date.now() - 5000, keepResultMs: minute } })),
  );
  await tasks.pause();
  expect(await values()).toMatchObject({
    "delayq_queue_tasks delayed": 6,
    "delayq_queue_tasks ready": 3,
    "delayq_queue_due_tasks 1m": 1,
    "delayq_queue_due_tasks 5m": 3,
    "delayq_queue_due_tasks 1h": 4,
    "delayq_queue_due_tasks 1d": 5,
    delayq_queue_paused: 1,
    delayq_queue_shards: 4,
    delayq_queue_shards_without_owner: 4,
    delayq_queue_workers: 0,
    delayq_queue_schedulers: 0,
    delayq_schedulers: 0,
    "delayq_queue_events_total added": 9,
    "delayq_queue_events_total timed_out": 0,
  });
  const age = (await values())["delayq_queue_oldest_due_age_seconds"];
  expect(age).toBeGreaterThan(4.9);
  expect(age).toBeLessThan(60);
  worker(({ data }) => {
    if (data === 3) throw new UnrecoverableError("no");
  });
  await tasks.resume();
  await new QueueStore(connection, { prefix, queue: "q" }).noteExport();
  await eventually(async () => {
    const now = await values();
    expect(now).toMatchObject({
      "delayq_queue_tasks ready": 0,
      "delayq_queue_tasks leased": 0,
      "delayq_queue_tasks done": 2,
      "delayq_queue_tasks dead": 1,
      delayq_queue_oldest_due_age_seconds: 0,
      delayq_queue_paused: 0,
      delayq_queue_shards_without_owner: 0,
      delayq_queue_workers: 1,
      delayq_queue_worker_slots: 10,
      delayq_queue_schedulers: 1,
      delayq_schedulers: 1,
      "delayq_queue_events_total completed": 2,
      "delayq_queue_events_total failed": 1,
      "delayq_queue_events_total dead": 1,
      "delayq_exporter_errors_total servers": 0,
      "delayq_exporter_errors_total registry": 0,
      "delayq_exporter_errors_total queue": 0,
    });
    expect(
      Math.abs((now["delayq_queue_last_export_timestamp_seconds"] ?? 0) - Date.now() / 1000),
    ).toBeLessThan(120);
  });
});

it("does not let counters go back a little, as after a failover, but with a queue that is made anew", async () => {
  const { queue, prefix } = setup(own().url);
  const tasks = queue();
  const { values } = exporterOf(own().url, prefix);
  const added = async (): Promise<number | undefined> => (await values())["delayq_queue_events_total added"];
  await tasks.addBulk(Array.from({ length: 40 }, (_, n) => ({ name: "a", data: n })));
  expect(await added()).toBe(40);
  const [stats] = await own().admin.keys(`${prefix}:*:stats`);
  await own().admin.hincrby(stats!, "added", -3);
  expect(await added()).toBe(40);
  await own().admin.hincrby(stats!, "added", 4);
  expect(await added()).toBe(41);
  await tasks.obliterate();
  expect(await added()).toBeUndefined();
  await tasks.addBulk(Array.from({ length: 30 }, (_, n) => ({ name: "a", data: n })));
  expect(await added()).toBe(30);
});

it("tells of the queues that it was given, and of none that is not there", async () => {
  const { queue, prefix } = setup(own().url);
  await queue({}, "one").add("a", 1);
  await queue({}, "two").add("a", 1);
  const queuesOf = async (wanted: readonly string[]): Promise<unknown[]> => {
    const samples = samplesOf(await exporterOf(own().url, prefix, wanted).scrape());
    return samples.filter(({ name }) => name === "delayq_queue_shards").map(({ labels }) => labels["queue"]);
  };
  expect(new Set(await queuesOf([]))).toEqual(new Set(["one", "two"]));
  expect(await queuesOf(["two", "three"])).toEqual(["two"]);
  const { scrape, lines } = exporterOf(own().url, prefix, ["two", "three"]);
  await scrape();
  await scrape();
  expect(lines).toMatchObject([{ queue: "three", msg: expect.stringContaining("no such queue") }]);
  // A queue that nobody has exported has no time of it.
  expect(await exporterOf(own().url, prefix).scrape()).not.toContain(
    "delayq_queue_last_export_timestamp_seconds{",
  );
});

it("tells how Redis fares", async () => {
  await own().admin.config("SET", "maxmemory", "200mb");
  onTestFinished(async () => void (await own().admin.config("SET", "maxmemory", "0")));
  const { scrape, values } = exporterOf(own().url, "none");
  const { host } = new URL(own().url);
  expect(await scrape()).toContain(`delayq_redis_up{node="${host}"} 1\n`);
  const found = await values();
  expect(found).toMatchObject({
    "delayq_redis_role master": 1,
    delayq_redis_memory_max_bytes: 209_715_200,
    delayq_redis_evicted_keys_total: 0,
    delayq_redis_aof_last_write_ok: 1,
    delayq_redis_rdb_last_save_ok: 1,
    delayq_redis_disk_loading: 0,
    delayq_redis_connected_replicas: 0,
  });
  expect(found["delayq_redis_memory_used_ratio"]).toBeGreaterThan(0);
  expect(found["delayq_redis_memory_used_ratio"]).toBeLessThan(1);
  expect(found["delayq_redis_cpu_seconds_total user"]).toBeGreaterThan(0);
  expect(found["delayq_redis_network_receive_bytes_total"]).toBeGreaterThan(0);
  expect(found["delayq_redis_rdb_last_save_timestamp_seconds"]).toBeGreaterThan(1.7e9);
  expect(Math.abs(found["delayq_clock_skew_seconds"] ?? 1e9)).toBeLessThan(1);
  expect(
    Math.abs((found["delayq_exporter_last_success_timestamp_seconds"] ?? 0) - Date.now() / 1000),
  ).toBeLessThan(60);
});

it("needs no more rights than docs/operations.md names", async () => {
  const { queue, prefix } = setup(own().url);
  await queue().add("a", 1);
  const docs = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
  const rights = /user delayq-exporter on >SECRET ([^`\n]+)/.exec(docs)?.[1]?.replaceAll("dq:", `${prefix}:`);
  const rules = ["on", ">hidden", ...String(rights).split(" ")];
  await own().admin.call("ACL", "SETUSER", "exporter", ...rules);
  onTestFinished(async () => void (await own().admin.call("ACL", "DELUSER", "exporter")));
  const { host } = new URL(own().url);
  expect(await exporterOf(`redis://exporter:hidden@${host}`, prefix).values()).toMatchObject({
    "delayq_queue_tasks ready": 1,
    delayq_redis_up: 1,
    "delayq_redis_role master": 1,
    "delayq_exporter_errors_total servers": 0,
    "delayq_exporter_errors_total registry": 0,
    "delayq_exporter_errors_total queue": 0,
  });
  // Nor does it ask for what it may not, which Redis would note each time.
  expect(JSON.stringify(await own().admin.call("ACL", "LOG"))).not.toContain('"exporter"');
});

it("counts a replica that it cannot reach as an error, warns of it once, and tells of the others", async () => {
  const { host } = new URL(own().url);
  const replica = createServer(); // takes connections and never answers
  const follower = connect(Number(host.split(":")[1]), host.split(":")[0]);
  onTestFinished(() => {
    follower.destroy();
    replica.close();
  });
  await once(replica.listen(0, "127.0.0.1"), "listening");
  const { port } = replica.address() as AddressInfo;
  follower.write(`REPLCONF listening-port ${port} ip-address 127.0.0.1\r\n`);
  await once(follower, "data");
  follower.write("PSYNC ? -1\r\n");
  await eventually(async () => expect(await own().admin.info("replication")).toContain(`port=${port}`));
  const { scrape, lines, connection } = exporterOf(own().url, "none");
  const hurried = { deadlineMs: performance.now() + 300, asksSettings: false };
  const asked = await readServers(await connection.ready(hurried), hurried);
  expect(asked.servers.map(({ address }) => address)).toEqual([host]);
  expect(asked.unreachable).toEqual([{ address: `127.0.0.1:${port}`, isMaster: false, isHurried: true }]);
  const text = await quick(scrape());
  expect(text).toContain(`delayq_redis_up{node="${host}"} 1\n`);
  expect(text).toContain(`delayq_redis_up{node="127.0.0.1:${port}"} 0\n`);
  expect(text).toContain('delayq_exporter_errors_total{part="servers"} 1\n');
  expect(text).not.toMatch(/^delayq_exporter_last_success_timestamp_seconds \d/m);
  replica.close(); // from now on it refuses
  expect(await scrape()).toContain('delayq_exporter_errors_total{part="servers"} 2\n');
  expect(lines).toMatchObject([{ part: "servers", server: `127.0.0.1:${port}` }]);
});

it("reads once for all who ask at the same time", async () => {
  const { queue, prefix } = setup(own().url);
  await queue().add("a", 1);
  const { exporter, connection } = exporterOf(own().url, prefix);
  connection.scripts.wantTimes(true);
  const looks = (): number | undefined => connection.scripts.times?.get("look-shard")?.cumulative().at(-1);
  await Promise.all([exporter.read(), exporter.read(), exporter.read()]);
  expect(looks()).toBe(4);
  await exporter.read();
  expect(looks()).toBe(8);
});

it("answers within 3 s that Redis is gone, or never was", async () => {
  const redis = await setupRedisProcess();
  await redis.start();
  const { host } = new URL(redis.url);
  const seen = exporterOf(redis.url, "none");
  const unseen = exporterOf("redis://127.0.0.1:1", "none");
  expect(await seen.scrape()).toContain(`delayq_redis_up{node="${host}"} 1\n`);
  await redis.stop();
  const texts = await Promise.all([quick(seen.scrape()), quick(unseen.scrape())]);
  for (const [i, node] of [host, "127.0.0.1:1"].entries()) {
    const text = texts[i];
    expect(text).toContain(`delayq_redis_up{node="${node}"} 0\n`);
    expect(text).toContain('delayq_exporter_errors_total{part="servers"} 1\n');
    expect(text).not.toContain("delayq_redis_role{");
  }
});

it("answers within 3 s that Redis is frozen, and goes on when it is not", async () => {
  const redis = await setupRedisProcess();
  await redis.start();
  const { scrape } = exporterOf(redis.url, "none");
  const up = `delayq_redis_up{node="${new URL(redis.url).host}"}`;
  expect(await scrape()).toContain(`${up} 1\n`);
  await redis.kill("SIGSTOP");
  expect(await quick(scrape())).toContain(`${up} 0\n`);
  expect(await quick(scrape())).toContain(`${up} 0\n`);
  await redis.kill("SIGCONT");
  await eventually(async () => expect(await scrape()).toContain(`${up} 1\n`));
});

async function quick(scrape: Promise<string>): Promise<string> {
  const beganMs = performance.now();
  const text = await scrape;
  expect(performance.now() - beganMs).toBeLessThan(3000);
  return text;
}
