import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const END_TIMEOUT_MS = 15_000;

const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A process of a benchmark, as users have them: it imports the engine, and does what it is asked for. */
export class RoleProcess {
  #child;
  #ended;
  #calls = new Map();
  #lastCall = 0;
  #onReport = () => {};

  /** @param kind the name of a script in bench/roles */
  constructor(kind) {
    const script = fileURLToPath(new URL(`../roles/${kind}.js`, import.meta.url));
    this.#child = fork(script, [], { serialization: "advanced" });
    running.add(this.#child);
    this.#child.on("message", (message) => this.#hear(message));
    this.#ended = once(this.#child, "exit").then(([code, signal]) => {
      running.delete(this.#child);
      const error = new Error(`the ${kind} process ended with ${code ?? signal}`);
      for (const { reject } of this.#calls.values()) reject(error);
      this.#calls.clear();
    });
  }

  get pid() {
    return this.#child.pid;
  }

  /** Has the process run one of its tasks; resolves with what that returns. */
  async ask(task, options = {}) {
    const call = ++this.#lastCall;
    return await new Promise((resolve, reject) => {
      this.#calls.set(call, { resolve, reject });
      this.#child.send({ call, task, options }, (error) => {
        if (error !== null) reject(error);
      });
    });
  }

  /** Called with what the process says unasked. */
  onReport(listener) {
    this.#onReport = listener;
  }

  /** Ends it in order, then by force. */
  async stop() {
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), END_TIMEOUT_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  #hear({ call, result, error, report }) {
    if (report !== undefined) {
      this.#onReport(report);
      return;
    }
    const { resolve, reject } = this.#calls.get(call);
    this.#calls.delete(call);
    if (error === undefined) resolve(result);
    else reject(new Error(error));
  }
}
