import { expect, onTestFinished, test } from "vitest";
import { setupRedisProcess } from "../dev/setup.ts";
import { setupCommands } from "./support/cli.ts";
import { hasTerminal, startInTerminal } from "./support/screen.ts";

const TASKS = 200_000;
const WRAP_OFF = "\u001b[?7l";
const WRAP_ON = "\u001b[?7h";

test.runIf(hasTerminal)(
  "leaves the terminal as it was, though Redis hangs and Ctrl-C has to be given twice",
  async () => {
    const redis = await setupRedisProcess();
    await redis.start();
    const env = { DELAYQ_REDIS_URL: `redis://127.0.0.1:${redis.port}` };
    const { file } = setupCommands("dq", env);
    const lines = Array.from(
      { length: TASKS },
      (_, i) => `{"name":"n","data":${i},"opts":{"delay":3600000}}\n`,
    );
    const run = startInTerminal(["import", "q", file("tasks.ndjson", lines.join(""))], env);
    await run.until(/importing .* tasks/);
    await redis.kill("SIGSTOP");
    const again = setInterval(() => run.type("\u0003"), 300);
    onTestFinished(() => clearInterval(again));
    await run.until(/code=130/);
    clearInterval(again);
    await run.until(/after=\S+/);
    await redis.kill("SIGCONT");
    const seen = run.seen();
    expect(seen).toContain(WRAP_OFF);
    expect(seen.lastIndexOf(WRAP_ON)).toBeGreaterThan(seen.lastIndexOf(WRAP_OFF));
    expect(/after=(\S+)/.exec(seen)?.[1]).toBe(/before=(\S+)/.exec(seen)?.[1]);
  },
);
