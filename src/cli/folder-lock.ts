import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CliError, EXIT } from "./exit.ts";

const LOCK_FILE = "delayq.pid";

/**
 * Takes a folder for this process: two servers on one folder would spoil its data. The lock is a file that names its
 * holder; one that was killed leaves it behind, but its pid is gone then. Returns a function that gives the folder back.
 *
 * @throws CliError
 */
export function lockFolder(folder: string): () => void {
  const path = join(folder, LOCK_FILE);
  if (!tryLock(path)) {
    const holder = Number.parseInt(readFileSync(path, "utf8"), 10);
    if (isAlive(holder)) throw new CliError(EXIT.failed, `${folder} is in use by process ${holder}`);
    rmSync(path, { force: true });
    if (!tryLock(path)) throw new CliError(EXIT.failed, `${folder} was taken by another process`);
  }
  return () => rmSync(path, { force: true });
}

function tryLock(path: string): boolean {
  try {
    writeFileSync(path, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  if (!(pid > 0) || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
