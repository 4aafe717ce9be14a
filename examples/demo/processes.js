/*
 * The processes of the demo: the same commands that one would start in production. They get a process group of their own, so
 * that Ctrl-C reaches only the demo, which then stops them in order. None outlives it, however it ends.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { watchParent } from "../../dist/dev/parent-watch.js";

const DELAYQ = fileURLToPath(new URL("../../bin/delayq.js", import.meta.url));
const STOP_MS = 5000;
const LINES_KEPT = 20;

class ProcessDiedError extends Error {
  code = "PROCESS_DIED";

  constructor(args, codeOrSignal, lastLines) {
    super([`delayq ${args.join(" ")} ended with ${codeOrSignal}`, ...lastLines].join("\n"));
  }
}

/** Starts `delayq ...args`. `onDeath` hears of an end that nobody asked for. */
export function startDelayq(args, env, onDeath) {
  const child = spawn(process.execPath, [DELAYQ, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  const callOff = watchParent(["/bin/sh", "-c", `kill -9 ${child.pid}`], process.env);
  let isAskedFor = false;
  let lastLines = [];
  child.stderr.setEncoding("utf8").on("data", (text) => {
    lastLines = [...lastLines, ...text.trimEnd().split("\n")].slice(-LINES_KEPT);
  });
  const ended = once(child, "close").then(([code, signal]) => {
    callOff();
    if (!isAskedFor) onDeath(new ProcessDiedError(args, code ?? signal, lastLines));
  });
  const end = async (signal) => {
    isAskedFor = true;
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await ended;
    clearTimeout(timer);
  };
  return { pid: child.pid, kill: async () => await end("SIGKILL"), stop: async () => await end("SIGTERM") };
}
