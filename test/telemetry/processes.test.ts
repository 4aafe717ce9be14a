import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, inject, onTestFinished, test } from "vitest";
import { root, setupCli } from "../cli/support/cli.ts";
import { setup } from "../support/fixture.ts";
import { startTracing } from "./sdk.ts";

const HANDLERS = `
import { trace } from "${import.meta.resolve("@opentelemetry/api")}";
export async function welcome(task, { log }) {
  await new Promise((resolve) => setTimeout(resolve, 5));
  trace.getTracer("app").startActiveSpan("sql", (span) => span.end());
  log.warn("in the handler");
}`;

test("what one process adds within a trace, another runs with a link to it", async () => {
  const { queue, start, file } = setupCli();
  const sdk = startTracing();
  const task = await sdk.tracer.startActiveSpan("request", async (request) => {
    const added = await queue().add("welcome", { userId: 7 }, { id: "user-7" });
    request.end();
    return added;
  });
  const [add] = sdk.named("add q");
  const options = { env: { NODE_OPTIONS: `--import ${join(root, "examples/tracing.js")}` }, cwd: root };
  const handlers = file("handlers.mjs", HANDLERS);
  const worker = start(["worker", "--queue", "q", "--handler", handlers], options);
  const line = await worker.logged("in the handler");
  worker.child.kill("SIGTERM");
  expect(await worker.ended).toBe(0);
  const spans = worker.stdout.join("\n").split(/^(?=\{)/m);
  const run = spans.find((text) => text.includes("name: 'process q'")) ?? "";
  const { traceId, spanId } = add?.spanContext() ?? {};
  expect(run).toContain(`traceId: '${traceId}'`);
  expect(run).toContain(`spanId: '${spanId}'`);
  expect(run).toContain(`'messaging.message.id': '${task.id}'`);
  expect(run).toContain("parentSpanContext: undefined");
  expect(run).toContain(`id: '${String(line["span_id"])}'`);
  expect(run).toContain(`traceId: '${String(line["trace_id"])}'`);
  expect(line["trace_id"]).not.toBe(traceId);
  const sql = spans.find((text) => text.includes("name: 'sql'")) ?? "";
  expect(sql).toContain(`spanId: '${String(line["span_id"])}'`); // its parent's
});

/** The package as it is published, with all that it needs but OpenTelemetry. */
function installWithoutOpenTelemetry(): string {
  const folder = mkdtempSync(join(tmpdir(), "delayq-bare-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "delayq"), { recursive: true });
  for (const part of ["dist", "lua", "package.json"])
    cpSync(join(root, part), join(modules, "delayq", part), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules")))
    if (name !== "@opentelemetry" && name !== ".bin")
      symlinkSync(join(root, "node_modules", name), join(modules, name));
  return folder;
}

const APP = `
const found = { api: true };
try { require("@opentelemetry/api"); } catch { found.api = false; }
const [connection, prefix] = process.argv.slice(2);
const queue = new Queue("q", { connection, prefix });
const worker = new Worker("q", (task) => task.data, { connection, prefix });
worker.on("completed", async (task) => {
  console.log(JSON.stringify({ ...found, ran: task.data }));
  await worker.close();
  await queue.close();
});
queue.add("n", 7);
`;

/** All declarations that a file of declarations names, and those that these name. */
function declarationsFrom(file: string, seen = new Map<string, string>()): ReadonlyMap<string, string> {
  if (seen.has(file)) return seen;
  const text = readFileSync(file, "utf8");
  seen.set(file, text);
  for (const [, path = ""] of text.matchAll(/from "(\.[^"]+)\.[jt]s"/g))
    declarationsFrom(join(dirname(file), `${path}.d.ts`), seen);
  return seen;
}

test("its types do not ask for OpenTelemetry", () => {
  const declarations = declarationsFrom(join(root, "dist/index.d.ts"));
  expect(declarations.size).toBeGreaterThan(10);
  const asking = [...declarations].filter(([, text]) => text.includes("@opentelemetry"));
  expect(asking.map(([file]) => file)).toEqual([]);
});

test("it works where OpenTelemetry is not installed, imported and required", async () => {
  const { prefix } = setup();
  const folder = installWithoutOpenTelemetry();
  writeFileSync(join(folder, "app.cjs"), `const { Queue, Worker } = require("delayq");${APP}`);
  const esm = `import { createRequire } from "node:module";\nimport { Queue, Worker } from "delayq";\n`;
  writeFileSync(join(folder, "app.mjs"), `${esm}const require = createRequire(import.meta.url);${APP}`);
  for (const app of ["app.mjs", "app.cjs"]) {
    const args = [join(folder, app), inject("redisUrl"), `${prefix}${app}`];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect({ stdout, stderr, status }).toMatchObject({ stdout: '{"api":false,"ran":7}\n', status: 0 });
  }
});
