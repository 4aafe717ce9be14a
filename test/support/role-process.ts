import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";

/** What a process told; see role-process.js. */
export interface Told {
  readonly event: "up" | "started" | "aborted" | "returned" | "completed" | "leaseLost";
  readonly atMs: number;
  readonly id?: string;
  readonly attempt?: number;
  readonly fence?: number;
}

export interface RoleProcess {
  readonly told: Told[];
  readonly child: ChildProcess;
  /** Sends a signal; SIGKILL and SIGTERM also wait for the end. */
  signal(signal: NodeJS.Signals): Promise<void>;
}

export interface Role {
  role: "worker" | "scheduler";
  queues?: readonly string[];
  handlerMs?: number;
  options: Record<string, unknown>;
}

/** Starts a real worker or scheduler process; it is killed when the test has finished. */
export async function startRole(role: Role): Promise<RoleProcess> {
  const script = new URL("role-process.js", import.meta.url).pathname;
  const child = spawn(process.execPath, [script, JSON.stringify({ queues: ["q"], handlerMs: 0, ...role })], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const told: Told[] = [];
  const isUp = new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      told.push(JSON.parse(line) as Told);
      resolve();
    });
  });
  const signal = async (name: NodeJS.Signals): Promise<void> => {
    child.kill(name);
    if (name === "SIGKILL" || name === "SIGTERM") await ended;
  };
  onTestFinished(async () => await signal("SIGKILL"));
  await isUp;
  return { told, child, signal };
}

export const idsOf = (told: readonly Told[], event: Told["event"]): string[] =>
  told.filter((one) => one.event === event).map(({ id }) => id ?? "");
