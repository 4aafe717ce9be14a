import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fetchDebianProgram, findInDebianCache } from "../../dist/dev/debian-cache.js";
import { runCommand } from "../../dist/dev/run-command.js";

const HOUR_MS = 3_600_000;
const TRY_TIMEOUT_MS = 10_000;
const LIBRARY = /^libfaketime(MT)?\.so\.1$/;
const PLACES = ["/usr/lib", "/usr/local/lib", "/usr/lib64"];

const DEBIAN = {
  name: "faketime",
  packages: { names: ["libfaketime"], withDependencies: false },
  find: (root) => firstThatWorks([join(root, "usr", "lib")]),
  whyUnusable: async () => "The distribution's libfaketime does not change the time when unpacked",
};

let found;

/** The path of libfaketime: of the system, or from Debian's package, unpacked into the user's cache. */
export async function findFaketime() {
  return (await search()).library;
}

/** Why there is no libfaketime here, or nothing if there is. */
export async function whyNoFaketime() {
  const { library, error } = await search();
  if (library !== undefined) return undefined;
  return ["libfaketime was not found here, and could not be fetched", error?.message]
    .filter((text) => text !== undefined)
    .join(": ");
}

/** The environment of a process whose clock is off; intervals are as they are. */
export function faketimeEnv(library, ms) {
  return { ...usual(library), FAKETIME: offset(ms), FAKETIME_NO_CACHE: "1" };
}

/** The same for a server, which may be set right, or off again, while it runs: by `setClock` on the file. */
export function serverClockEnv(library, file) {
  // jemalloc asks for the time before libfaketime is ready, and libfaketime for memory: the C library's own is to serve both.
  const preload = `${library}:libc.so.6`;
  return { ...usual(preload), FAKETIME_TIMESTAMP_FILE: file, FAKETIME_CACHE_DURATION: "1" };
}

/** Within a second or two, by when it looks next. */
export function setClock(file, ms) {
  writeFileSync(file, `${offset(ms)}\n`);
}

const usual = (preload) => ({ LD_PRELOAD: preload, FAKETIME_DONT_FAKE_MONOTONIC: "1" });
const offset = (ms) => `${ms < 0 ? "-" : "+"}${Math.abs(ms) / 1000}s`;

function search() {
  found ??= locate().then(
    (library) => ({ library }),
    (error) => ({ error }),
  );
  return found;
}

async function locate() {
  const { env } = process;
  return (
    (await firstThatWorks(PLACES)) ??
    (await findInDebianCache(DEBIAN, env)) ??
    (await fetchDebianProgram(DEBIAN, { env, onProgress: () => {} }))
  );
}

async function firstThatWorks(places) {
  for (const place of places) {
    const library = libraryBelow(place, 3);
    if (library !== undefined && (await works(library))) return library;
  }
  return undefined;
}

/** A library that cannot be loaded is left out with a warning, and the time stays as it is. */
async function works(library) {
  const env = { ...process.env, ...faketimeEnv(library, HOUR_MS) };
  const { stdout } = await runCommand(process.execPath, ["-p", "Date.now()"], {
    env,
    timeoutMs: TRY_TIMEOUT_MS,
  });
  return Number(stdout) - Date.now() > HOUR_MS / 2;
}

/** It lies in `faketime`, in Debian's libraries in that of the processor. */
function libraryBelow(folder, depth) {
  if (depth === 0 || !existsSync(folder)) return undefined;
  const entries = readdirSync(folder, { withFileTypes: true });
  const hit = entries.find(({ name }) => LIBRARY.test(name));
  if (hit !== undefined) return join(folder, hit.name);
  for (const entry of entries) {
    if (!entry.isDirectory() || !/faketime|linux-gnu/.test(entry.name)) continue;
    const below = libraryBelow(join(folder, entry.name), depth - 1);
    if (below !== undefined) return below;
  }
  return undefined;
}
