import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";

const COUNTER = new URL("count-calls.js", import.meta.url).href;
const BIN = new URL("../../bin/delayq.js", import.meta.url).pathname;

/**
 * Runs one command as a user would, and reads all that it prints.
 *
 * @param options.interruptAfterMs when it is sent what Ctrl-C sends
 * @param options.callsFile where its calls are counted
 * @returns when it first printed something, when it ended and how, how many lines it printed and the last of them, and its calls
 */
export async function runCommand(args, { url, interruptAfterMs, callsFile }) {
  const startMs = performance.now();
  const child = spawn(process.execPath, ["--import", COUNTER, BIN, ...args], {
    env: { ...process.env, DELAYQ_REDIS_URL: url, BENCH_CALLS: callsFile },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [firstMs, lines, tail, stderr] = [undefined, 0, "", ""];
  child.stdout.on("data", (chunk) => {
    firstMs ??= performance.now() - startMs;
    const text = chunk.toString();
    for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lines++;
    tail = (tail + text).slice(-2000);
  });
  child.stderr.on("data", (chunk) => {
    firstMs ??= performance.now() - startMs;
    stderr = (stderr + chunk.toString()).slice(-2000);
  });
  const timer =
    interruptAfterMs === undefined ? undefined : setTimeout(() => child.kill("SIGINT"), interruptAfterMs);
  const [code] = await once(child, "close");
  clearTimeout(timer);
  const ms = performance.now() - startMs;
  const calls = JSON.parse(readFileSync(callsFile, "utf8"));
  return { code, firstMs: firstMs ?? ms, ms, lines, tail, stderr, calls };
}
