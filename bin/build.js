/*
 * Compiles src/ into dist/. The compiler writes to a folder beside it, which takes the place of dist/ when it is whole: so
 * nothing is left of sources that were removed, a failed build leaves the last good one, and nobody reads half a file.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync, utimesSync } from "node:fs";
import { fileURLToPath } from "node:url";

const SWAP_TRIES_MAX = 5;

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = `${root}dist`;
const built = `${dist}.${process.pid}.new`;
const replaced = `${dist}.${process.pid}.old`;

const startedAt = new Date();
process.exitCode = compile();
if (process.exitCode === 0) {
  // The age of dist/ is that of the sources it was made from: what is edited during a build is newer.
  utimesSync(built, startedAt, startedAt);
  swapIn();
}
for (const folder of [built, replaced]) rmSync(folder, { recursive: true, force: true });

function compile() {
  mkdirSync(built, { recursive: true });
  const compiler = `${root}node_modules/typescript/bin/tsc`;
  const { status, error } = spawnSync(
    process.execPath,
    [compiler, "-p", `${root}tsconfig.build.json`, "--outDir", built],
    { stdio: "inherit" },
  );
  if (error) throw error;
  return status ?? 1;
}

/** A folder cannot be renamed onto one that holds something, so another build may slip in between the two steps. */
function swapIn() {
  for (let tries = 1; ; tries += 1) {
    try {
      if (tries > 1) rmSync(replaced, { recursive: true, force: true });
      moveAway();
      renameSync(built, dist);
      return;
    } catch (error) {
      if (tries === SWAP_TRIES_MAX) throw error;
    }
  }
}

function moveAway() {
  try {
    renameSync(dist, replaced);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
}
