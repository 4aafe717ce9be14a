import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const APT_TIMEOUT_MS = 120_000;
const LIBRARY = /^libfaketime(MT)?\.so\.1$/;
const PLACES = ["/usr/lib", "/usr/local/lib", "/usr/lib64"];

let found;

/** The path of libfaketime: of the system, or from Debian's package, unpacked into the user's cache. */
export async function findFaketime() {
  found ??= { library: installed() ?? unpacked() ?? fetched() };
  return found.library;
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

function installed() {
  for (const place of PLACES) {
    const library = libraryBelow(place, 3);
    if (library !== undefined) return library;
  }
  return undefined;
}

function cacheFolder() {
  const { DELAYQ_CACHE_DIR: own, XDG_CACHE_HOME: xdg } = process.env;
  return join(own || join(xdg || join(homedir(), ".cache"), "delayq"), `faketime-${process.arch}`);
}

function unpacked() {
  return libraryBelow(cacheFolder(), 6);
}

function libraryBelow(folder, depth) {
  if (depth === 0 || !existsSync(folder)) return undefined;
  const entries = readdirSync(folder, { withFileTypes: true });
  const hit = entries.find(({ name }) => LIBRARY.test(name));
  if (hit !== undefined) return join(folder, hit.name);
  for (const entry of entries) {
    if (!entry.isDirectory() || (folder.startsWith("/usr") && !/faketime|linux-gnu/.test(entry.name)))
      continue;
    const below = libraryBelow(join(folder, entry.name), depth - 1);
    if (below !== undefined) return below;
  }
  return undefined;
}

/** apt downloads into folders of ours; nothing of the system is written and no rights are needed. */
function fetched() {
  if (process.platform !== "linux") return undefined;
  const place = cacheFolder();
  const work = `${place}.${process.pid}.tmp`;
  try {
    for (const folder of ["lists/partial", "cache/archives/partial", "root"])
      mkdirSync(join(work, folder), { recursive: true });
    const options = [`Dir::State::lists=${work}/lists`, `Dir::Cache=${work}/cache`, "Debug::NoLocking=true"];
    const flags = ["-q", ...options.flatMap((option) => ["-o", option]), "-o", "APT::Sandbox::User=root"];
    runIn(work, "apt-get", [...flags, "update"]);
    if (!runIn(work, "apt-get", [...flags, "download", "libfaketime"])) return undefined;
    const deb = readdirSync(work).find((name) => name.endsWith(".deb"));
    if (deb === undefined || !runIn(work, "dpkg-deb", ["-x", deb, "root"])) return undefined;
    rmSync(place, { recursive: true, force: true });
    renameSync(join(work, "root"), place);
    return unpacked();
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function runIn(cwd, command, args) {
  return spawnSync(command, args, { cwd, timeout: APT_TIMEOUT_MS, stdio: "ignore" }).status === 0;
}
