import { callsCounted, startCounting } from "../support/call-counter.js";

/** What every role can be asked for. */
const COMMON = {
  startCounting,
  callsCounted,
  /** Processor time that the process has used, in ms. */
  cpuMs() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
};

/**
 * The side of a role process that RoleProcess talks to: runs the tasks it is asked for, and ends when nobody asks any more.
 *
 * @param tasks functions by name; `close` is run last
 */
export function serve(tasks) {
  process.on("message", (message) => void answer(message)); // answers with its own failures
  process.once("disconnect", () => void close());

  async function answer({ call, task, options }) {
    try {
      process.send({ call, result: await (tasks[task] ?? COMMON[task])(options) });
    } catch (error) {
      process.send({ call, error: error.stack });
    }
  }

  async function close() {
    try {
      await tasks.close();
      process.exit(0);
    } catch (error) {
      console.error(error);
      process.exit(1);
    }
  }
}
