import { spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { runCli, setupCli } from "./support/cli.ts";

const bin = join(new URL("../../", import.meta.url).pathname, "bin/delayq.js");
const has = (shell: string): boolean => spawnSync(shell, ["--version"]).status === 0;

describe("completion", () => {
  test.for(["bash", "zsh", "fish"])("prints a script that %s accepts", async (shell, { skip }) => {
    skip(!has(shell), `${shell} is not installed here`);
    const { file } = setupCli();
    const { code, stdout, stderr } = await runCli(["completion", shell]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const checked = spawnSync(shell, ["-n", file(`completion.${shell}`, stdout)], { encoding: "utf8" });
    expect({ status: checked.status, stderr: checked.stderr }).toEqual({ status: 0, stderr: "" });
  });

  test.runIf(has("bash"))("completes commands, options, their values and queues in bash", async () => {
    const { file, queue, prefix } = setupCli();
    await queue({}, "emails").add("n", 1);
    await queue({}, "bills").add("n", 1);
    await queue({}, "$(false)").add("n", 1);
    const { stdout } = await runCli(["completion", "bash"]);
    const script = file("completion.bash", stdout);
    const command = file("delayq", `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`);
    chmodSync(command, 0o755);
    const complete = (line: string): string[] => {
      const words = line.split(" ");
      // What bash does at a TAB.
      const ask = `
        source '${script}'
        COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")})
        COMP_CWORD=${words.length - 1} COMP_LINE='${line}' COMP_POINT=${line.length} COMP_TYPE=9
        __delayq_complete 2>/dev/null
        printf '%s\\n' "\${COMPREPLY[@]}"`;
      const env = {
        ...process.env,
        PATH: `${dirname(command)}${delimiter}${process.env["PATH"]}`,
        DELAYQ_REDIS_URL: inject("redisUrl"),
        DELAYQ_PREFIX: prefix,
      };
      const { stdout: told } = spawnSync("bash", ["--norc", "-c", ask], { encoding: "utf8", env });
      return told
        .split("\n")
        .map((word) => word.trim().split(/\s/)[0] ?? "")
        .filter((word) => word !== "");
    };
    expect(complete("delayq ti")).toEqual(["timeline"]);
    expect(complete("delayq timeline ")).toEqual(["bills", "emails"]);
    expect(complete("delayq timeline em")).toEqual(["emails"]);
    expect(complete("delayq dead ls ")).toEqual(["bills", "emails"]);
    expect(complete("delayq timeline emails --by ")).toEqual(["minute", "hour", "day"]);
    expect(complete("delayq timeline --js")).toEqual(["--json"]);
  });

  test("completes commands, options, their values and queues in fish", async ({ skip }) => {
    skip(!has("fish"), "fish is not installed here");
    const { file, queue, prefix, folder } = setupCli();
    await queue({}, "emails").add("n", 1);
    const script = file("completion.fish", (await runCli(["completion", "fish"])).stdout);
    const command = file("delayq", `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`);
    chmodSync(command, 0o755);
    const complete = (line: string): string[] => {
      const env = {
        ...process.env,
        PATH: `${dirname(command)}${delimiter}${process.env["PATH"]}`,
        XDG_CONFIG_HOME: folder,
        DELAYQ_REDIS_URL: inject("redisUrl"),
        DELAYQ_PREFIX: prefix,
      };
      const ask = `source '${script}'; complete -C '${line}'`;
      const { stdout } = spawnSync("fish", ["--no-config", "-c", ask], { encoding: "utf8", env });
      return stdout
        .split("\n")
        .map((told) => told.split("\t")[0] ?? "")
        .filter((word) => word !== "");
    };
    expect(complete("delayq ti")).toEqual(["timeline"]);
    expect(complete("delayq timeline ")).toEqual(["emails"]);
    expect(complete("delayq timeline emails --by ")).toEqual(["day", "hour", "minute"]);
    expect(complete("delayq timeline --js")).toEqual(["--json"]);
  });

  test("offers no queues where there is no Redis, and says nothing", async () => {
    const env = { DELAYQ_REDIS_URL: "redis://127.0.0.1:1" };
    const { code, stdout, stderr } = await runCli(["complete", "--", "timeline", ""], { env });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: ":4\n", stderr: "" });
  });

  test("prints the script within JSON too", async () => {
    const [plain, json] = await Promise.all([
      runCli(["completion", "bash"]),
      runCli(["completion", "bash", "--json"]),
    ]);
    expect(JSON.parse(json.stdout)).toEqual({ shell: "bash", script: plain.stdout.replace(/\n$/, "") });
  });

  test("knows which shells there are", async () => {
    const { code, stdout, stderr } = await runCli(["completion", "csh"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("Allowed choices are zsh, bash, fish");
  });
});
