import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const toRemoveAtExit = new Set<string>();

/** Makes a folder that is removed by `removeTemporaryFolder`, or at the latest when this process exits. */
export async function createTemporaryFolder(): Promise<string> {
  if (toRemoveAtExit.size === 0) process.on("exit", removeAll);
  const folder = await mkdtemp(join(tmpdir(), "delayq-redis-"));
  toRemoveAtExit.add(folder);
  return folder;
}

export async function removeTemporaryFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  toRemoveAtExit.delete(folder);
  if (toRemoveAtExit.size === 0) process.off("exit", removeAll);
}

function removeAll(): void {
  for (const folder of toRemoveAtExit) rmSync(folder, { recursive: true, force: true });
}
