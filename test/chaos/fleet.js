import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { monotonicMs } from "./event-log.js";

const UP_TIMEOUT_MS = 20_000;
const END_TIMEOUT_MS = 15_000;
/** A log line of level error or worse. */
const ERROR_LINE = /"level":[56]0/;

const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** One real process of a role. Its log and its standard error are files of the run's folder. */
class Role {
  endedBy;
  upT;
  #child;
  #ended;

  constructor(kind, name, options, folder, env) {
    this.kind = kind;
    this.name = name;
    this.log = join(folder, `${name}.log`);
    const script = fileURLToPath(new URL(`roles/${kind}.js`, import.meta.url));
    this.stderr = join(folder, `${name}.stderr`);
    const errors = openSync(this.stderr, "w");
    const argument = JSON.stringify({ ...options, name, log: this.log });
    this.#child = spawn(process.execPath, [script, argument], {
      stdio: ["ignore", errors, errors, "ipc"],
      env: { ...process.env, ...env },
    });
    closeSync(errors);
    running.add(this.#child);
    this.#child.on("error", () => {}); // a message to a process that has just ended
    this.#ended = once(this.#child, "exit").then(([code, signal]) => {
      running.delete(this.#child);
      this.exitCode = code;
      this.exitSignal = signal;
      this.endedT = monotonicMs();
    });
  }

  get isRunning() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get pid() {
    return this.#child.pid;
  }

  async up() {
    await this.#message("up", UP_TIMEOUT_MS);
    this.upT = monotonicMs();
  }

  /** What it said on its standard error that is worse than a warning. */
  complaints() {
    const lines = readFileSync(this.stderr, "utf8").split("\n");
    return lines.filter((line) => line !== "" && (!line.startsWith("{") || ERROR_LINE.test(line)));
  }

  send(message) {
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** Resolves when a producer has no add under way. */
  async drained(timeoutMs) {
    const drained = this.#message("drained", timeoutMs);
    this.send({ drain: true });
    await drained;
  }

  /** Resolves when a producer was answered to so many adds of tasks that are due much later. */
  async addedFar(count, timeoutMs) {
    const added = this.#message("addedFar", timeoutMs);
    this.send({ far: count });
    await added;
  }

  /** SIGSTOP and SIGCONT. */
  signal(signal) {
    this.#child.kill(signal);
  }

  /** Kills it; resolves when it has ended. */
  async kill() {
    this.endedBy ??= "SIGKILL";
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  /** Ends it in order. Returns what was wrong with that, if anything. */
  async stop() {
    if (!this.isRunning) return this.endedBy === undefined ? `${this.name} ended by itself` : undefined;
    this.endedBy ??= "SIGTERM";
    this.#child.kill("SIGCONT");
    this.#child.kill("SIGTERM");
    const isEnded = await within(this.#ended, END_TIMEOUT_MS);
    if (!isEnded) {
      this.#child.kill("SIGKILL");
      await this.#ended;
      return `${this.name} did not end within ${END_TIMEOUT_MS} ms of SIGTERM`;
    }
    return this.exitCode === 0
      ? undefined
      : `${this.name} ended with ${this.exitCode ?? this.exitSignal} on SIGTERM`;
  }

  async #message(word, timeoutMs) {
    let listener;
    const told = new Promise((resolve) => {
      listener = (message) => message[word] === true && resolve();
      this.#child.on("message", listener);
    });
    const isTold = await within(Promise.race([told, this.#ended]), timeoutMs);
    this.#child.off("message", listener);
    if (!isTold || !this.isRunning) throw new Error(`${this.name} was not ${word} within ${timeoutMs} ms`);
  }
}

/** All processes of a run, those that have ended too. */
export class Fleet {
  roles = [];
  #options;
  #folder;
  #numbers = new Map();
  #isClosed = false;

  /** @param options what the roles of each kind are given; `connect(kind, name)` says how they reach Redis. */
  constructor(options, folder) {
    this.#options = options;
    this.#folder = folder;
  }

  /** @param extra.env more environment, @param extra.options more options, for this process alone */
  async start(kind, { env = {}, options = {} } = {}) {
    if (this.#isClosed) throw new Error("the run is over");
    const number = (this.#numbers.get(kind) ?? 0) + 1;
    this.#numbers.set(kind, number);
    const name = `${kind}-${number}`;
    const connection = await this.#options.connect(kind, name);
    const all = { ...this.#options.shared, ...this.#options[kind], ...options, connection };
    const role = new Role(kind, name, all, this.#folder, env);
    this.roles.push(role);
    await role.up();
    return role;
  }

  of(kind) {
    return this.roles.filter((role) => role.kind === kind && role.isRunning);
  }

  async killAll() {
    this.#isClosed = true;
    await Promise.all(this.roles.filter(({ isRunning }) => isRunning).map((role) => role.kill()));
  }
}

/** Whether a promise settles in time. */
export async function within(promise, timeoutMs) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  const isSettled = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return isSettled;
}
