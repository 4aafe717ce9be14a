import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { inject, onTestFinished } from "vitest";
import { eventually, setup } from "../../support/fixture.ts";

export const root = new URL("../../../", import.meta.url).pathname;
export const bin = join(root, "bin/delayq.js");
makeReady();

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string | Buffer;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** What a long-running command logged: one JSON object a line. */
export interface Logged {
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface LongRun {
  readonly child: ChildProcess;
  readonly logs: Logged[];
  readonly stdout: string[];
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Waits for a line of the log. */
  readonly logged: (msg: string) => Promise<Logged>;
}

/** The built command line under a prefix of the test's own. */
export function setupCli() {
  const redisUrl = inject("redisUrl");
  const engine = setup(redisUrl);
  return { ...engine, ...setupCommands(engine.prefix, { DELAYQ_REDIS_URL: redisUrl }) };
}

/** The built command line under a prefix, told by its environment where Redis is. */
export function setupCommands(prefix: string, env: NodeJS.ProcessEnv) {
  const folder = mkdtempSync(join(tmpdir(), "delayq-cli-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return {
    folder,
    file: (name: string, content: string | Buffer): string => {
      const path = join(folder, name);
      writeFileSync(path, content);
      return path;
    },
    run: async (args: readonly string[], options: RunOptions = {}): Promise<Ended> =>
      await runCli([...args, "--prefix", prefix], { ...options, env: { ...env, ...options.env } }),
    start: (args: readonly string[], options: RunOptions = {}): LongRun =>
      startCli([...args, "--prefix", prefix], {
        cwd: folder,
        ...options,
        env: { ...env, ...options.env },
      }),
  };
}

/** Runs a command to its end. */
export async function runCli(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const child = spawnCli(args, options);
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin?.on("error", () => {}); // it may end without reading all
  child.stdin?.end(options.input ?? "");
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

/** Starts a command that runs until it is told to stop; it is killed when the test has finished. */
export function startCli(args: readonly string[], options: RunOptions = {}): LongRun {
  const child = spawnCli(args, options);
  const logs: Logged[] = [];
  const stdout: string[] = [];
  if (child.stdout) createInterface({ input: child.stdout }).on("line", (line) => stdout.push(line));
  if (child.stderr) {
    createInterface({ input: child.stderr }).on("line", (line) => {
      logs.push(line.startsWith("{") ? (JSON.parse(line) as Logged) : { msg: line });
    });
  }
  const ended = once(child, "close").then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const logged = async (msg: string): Promise<Logged> =>
    await eventually(() => {
      const found = logs.find((line) => line.msg.includes(msg));
      if (found === undefined) throw new Error(`not logged: ${msg}, only:\n${JSON.stringify(logs, null, 1)}`);
      return found;
    });
  return { child, logs, stdout, ended, logged };
}

function spawnCli(args: readonly string[], { env, cwd }: RunOptions): ChildProcess {
  const { NODE_OPTIONS: _, ...all } = process.env;
  const inherited = Object.fromEntries(
    Object.entries(all).filter(([name]) => !name.startsWith("DELAYQ_REDIS_")),
  );
  return spawn(process.execPath, [bin, ...args], { cwd: cwd ?? root, env: { ...inherited, ...env } });
}

/** Builds dist/ if it is older than its sources. */
function makeReady(): void {
  const { status, stderr } = spawnSync(process.execPath, [join(root, "bin/prepare.js"), "node", "-e", ""], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`dist/ cannot be made ready: ${stderr}`);
}
