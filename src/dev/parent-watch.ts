import { spawn } from "node:child_process";
import type { Socket } from "node:net";

/*
 * No server may outlive the process that started it: not when that process calls process.exit(), and not when it is
 * killed with SIGKILL, where no exit handler runs. Linux could signal the child (PR_SET_PDEATHSIG), but Node cannot set
 * that, macOS has none, and it fires when a worker thread ends. What every system does when a process is gone, however it
 * went, is close its file descriptors. So beside each server waits a shell on a pipe that only we hold open: when the
 * read ends, we are gone, and it runs the clean-up. The same watcher covers the plain exit, so there are no exit handlers.
 *
 * It has a session of its own: Ctrl-C in the terminal reaches us only, and we then stop things in order.
 */
const WATCH_SCRIPT = 'read -r _; exec "$@"';

/** Runs `cleanUp` as soon as this process is gone. Returns the function that calls it off. */
export function watchParent(cleanUp: readonly string[], env: NodeJS.ProcessEnv): () => void {
  if (process.platform === "win32") return () => {};
  const watcher = spawn("/bin/sh", ["-c", WATCH_SCRIPT, "sh", ...cleanUp], {
    env,
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  // Without a watcher the server still stops by stop(); there is nothing better to do than go on.
  watcher.once("error", () => {});
  watcher.stdin.once("error", () => {});
  watcher.unref();
  (watcher.stdin as Socket).unref();
  return () => {
    watcher.kill("SIGKILL");
    watcher.stdin.destroy();
  };
}
