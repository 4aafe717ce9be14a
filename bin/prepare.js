/*
 * node bin/prepare.js CMD ARGS...: makes a fresh clone ready, then runs CMD as if it had been called directly.
 *
 * Ready means: the packages of package-lock.json are installed, and dist/ is not older than what it is made from. It says
 * nothing when there is nothing to do. Only Node's own modules are used here: the others may not be installed yet.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const NODE_MIN = [20, 19];
const SYSTEM_NOT_READY = 3;
const LOCK_TIMEOUT_MS = 600_000;
const LOCK_PAUSE_MS = 100;
const BUILT_FROM = ["src", "lua", "tsconfig.json", "tsconfig.build.json", "package.json"];

const root = fileURLToPath(new URL("..", import.meta.url));
const inRoot = (...names) => join(root, ...names);

const [command, ...args] = process.argv.slice(2);
if (command === undefined) giveUp("usage: node bin/prepare.js CMD ARGS...", 2);
checkNode();
if (areModulesStale() || isDistStale()) {
  await withLock(() => {
    // Whoever held the lock before may have done it all.
    if (areModulesStale()) install();
    if (isDistStale()) build();
  });
}
run();

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  giveUp(
    `delayq needs Node ${NODE_MIN.join(".")} or newer, and this is ${process.versions.node}`,
    SYSTEM_NOT_READY,
  );
}

/*
 * npm leaves a copy of what it installed in node_modules. Compared by content: times change with every checkout. Packages
 * for other systems are in the lock but not installed here.
 */
function areModulesStale() {
  const wanted = readPackages(inRoot("package-lock.json"));
  const installed = readPackages(inRoot("node_modules", ".package-lock.json"));
  if (wanted === undefined || installed === undefined) return true;
  return Object.entries(wanted).some(([path, entry]) => {
    const found = installed[path];
    if (path === "" || (found === undefined && (entry.optional || entry.devOptional))) return false;
    return found?.version !== entry.version || found?.integrity !== entry.integrity;
  });
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8")).packages;
  } catch {
    return undefined;
  }
}

function install() {
  say("installing packages (npm ci)");
  const npmArgs = ["ci", "--include=dev", "--no-audit", "--no-fund"];
  const isOk = process.env.npm_execpath
    ? runStep(process.execPath, [process.env.npm_execpath, ...npmArgs])
    : runStep("npm", npmArgs);
  if (!isOk) giveUp("npm ci failed; once it works in this folder, this will too", SYSTEM_NOT_READY);
}

function isDistStale() {
  const builtAtMs = statSync(inRoot("dist"), { throwIfNoEntry: false })?.mtimeMs;
  return builtAtMs === undefined || BUILT_FROM.some((name) => newestMs(inRoot(name)) > builtAtMs);
}

/** Folders count too: theirs is the time at which a file was removed. */
function newestMs(path) {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return 0;
  if (!stats.isDirectory()) return stats.mtimeMs;
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newestMs(join(path, name))));
}

function build() {
  say("building dist/");
  if (!runStep(process.execPath, [inRoot("bin", "build.js")])) giveUp("the build failed", 1);
}

/** Standard output belongs to CMD; what the steps say goes to standard error. */
function runStep(file, stepArgs) {
  const { status, error } = spawnSync(file, stepArgs, {
    cwd: root,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32" && file === "npm",
  });
  if (error) say(error.message);
  return status === 0;
}

/*
 * One at a time for each checkout. The lock is a file that names its holder, made only if it is not there; it lies outside
 * the checkout because node_modules may not exist yet. A holder that was killed leaves it behind: then its pid is gone.
 * Two who find that at the same instant may both go on; build.js keeps dist/ whole even then.
 */
async function withLock(work) {
  const lock = join(
    tmpdir(),
    `delayq-prepare-${createHash("sha256").update(root).digest("hex").slice(0, 16)}`,
  );
  await takeLock(lock);
  const release = () => {
    rmSync(lock, { force: true });
  };
  process.once("exit", release);
  work();
  process.off("exit", release);
  release();
}

async function takeLock(lock) {
  const deadlineMs = Date.now() + LOCK_TIMEOUT_MS;
  let isWaiting = false;
  while (!tryLock(lock)) {
    const holder = readHolder(lock);
    if (holder !== undefined && !isAlive(holder)) rmSync(lock, { force: true });
    else if (Date.now() > deadlineMs) giveUp(`process ${holder} still holds ${lock}`, SYSTEM_NOT_READY);
    else {
      if (!isWaiting) say("waiting for another process that prepares this folder");
      isWaiting = true;
      await delay(LOCK_PAUSE_MS);
    }
  }
}

function tryLock(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

/** `undefined` when the lock is gone by now, or its holder has not written its name yet. */
function readHolder(lock) {
  try {
    return Number.parseInt(readFileSync(lock, "utf8"), 10) || undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

function run() {
  const path = [inRoot("node_modules", ".bin"), process.env.PATH].join(delimiter);
  const child = spawn(command === "node" ? process.execPath : command, args, {
    stdio: "inherit",
    env: { ...process.env, PATH: path },
    shell: process.platform === "win32" && command !== "node",
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      // Ctrl-C reaches the child from the terminal. A second one from here would read as "stop at once".
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.once("error", (error) => {
    giveUp(`${command} cannot be run: ${error.message}`, error.code === "ENOENT" ? 127 : 126);
  });
  child.once("exit", (code, signal) => {
    process.exit(code ?? 128 + constants.signals[signal]);
  });
}

function say(line) {
  console.error(`delayq: ${line}`);
}

function giveUp(line, exitCode) {
  say(line);
  process.exit(exitCode);
}
