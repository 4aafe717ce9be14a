import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import type { Command } from "commander";
import { expect, it, onTestFinished } from "vitest";
import { program } from "../../src/cli/main.ts";
import { withRedis } from "../../src/cli/redis-session.ts";
import { startDevRedis } from "../../src/dev/dev-redis.ts";
import { runCli, setupCli } from "./support/cli.ts";

/** All that can be run, with the words that call it. */
function leaves(command: Command, path: readonly string[] = []): [words: string, Command][] {
  if (command.commands.length === 0) return [[path.join(" "), command]];
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((sub) => command.commands.includes(sub))
    .flatMap((sub) => leaves(sub, [...path, sub.name()]));
}

function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text;
}

const NEEDS_NO_REDIS = ["dev", "completion"];

it("has help with an example for each command", () => {
  const commands = leaves(program());
  expect(commands.length).toBeGreaterThan(30);
  for (const [words, command] of commands) {
    const help = helpOf(command);
    expect(help).toMatch(new RegExp(`^Usage: delayq ${words} `));
    expect(help).toContain("  $ ");
    const rest = help.slice(0, help.indexOf("Example"));
    if (!NEEDS_NO_REDIS.includes(words)) expect(rest).toMatch(/--url[^]*--prefix/);
  }
});

it("shows the help of a command, and of a noun that is a command too", async () => {
  const commands = ["worker", "worker ls", "task ls"];
  const results = await Promise.all(
    commands.map(async (words) => await runCli([...words.split(" "), "--help"])),
  );
  for (const [i, { code, stdout, stderr }] of results.entries()) {
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(new RegExp(`^Usage: delayq ${commands[i]} `));
  }
});

it("is described in docs/cli.md as it is", () => {
  const { status, stderr } = spawnSync(process.execPath, ["bin/docs-cli.js", "--check"], {
    encoding: "utf8",
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

it("knows its version, and what it does not know", async () => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  expect(await runCli(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  expect(await runCli(["stat"])).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("Did you mean stats?"),
  });
  expect(await runCli([])).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("Usage: delayq"),
  });
});

it("ends with code 3 where no Redis listens, or none answers, and shows no password", async () => {
  const { file } = setupCli();
  const handler = file("h.mjs", "export default () => {};");
  const deaf = await deafPort();
  const commands: [string, string[]][] = [
    ["redis://user:hidden@127.0.0.1:1/0?password=hidden", ["stats"]],
    [`redis://user:hidden@127.0.0.1:${deaf}`, ["add", "q", "n"]],
    [
      "redis://:hidden@127.0.0.1:1",
      ["worker", "--queue", "q", "--handler", handler, "--log-level", "silent"],
    ],
  ];
  for (const { code, stdout, stderr } of await Promise.all(
    commands.map(async ([url, args]) => await runCli(args, { env: { DELAYQ_REDIS_URL: url } })),
  )) {
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toMatch(/^delayq: Redis at redis:\/\/127\.0\.0\.1:\d+(\/0)? cannot be used: .+\n$/);
    expect(stderr).not.toContain("hidden");
  }
});

// In this process, since how long a new one takes to start depends on what else the machine does.
it("gives up early enough for a command to end within 5 s", async () => {
  const urls = ["redis://127.0.0.1:1", `redis://127.0.0.1:${await deafPort()}`];
  for (const url of urls) {
    const startMs = performance.now();
    await expect(withRedis({ url, prefix: "dq" }, () => Promise.resolve())).rejects.toThrow(
      /cannot be used: (connect ECONNREFUSED|it does not answer)/,
    );
    expect(performance.now() - startMs).toBeLessThan(3500);
  }
});

it("shows no password, whatever Redis says to it", async () => {
  const { file } = setupCli();
  const redis = await startDevRedis({ config: { requirepass: "right" }, env: envWithoutUrl() });
  onTestFinished(async () => await redis.stop());
  const handler = file("h.mjs", "export default () => {};");
  const wrong = redis.url.replace("//", "//:hidden@");
  const [stats, worker] = await Promise.all([
    runCli(["stats"], { env: { DELAYQ_REDIS_URL: wrong } }),
    runCli(["worker", "--queue", "q", "--handler", handler, "--log-level", "trace"], {
      env: { DELAYQ_REDIS_URL: wrong },
    }),
  ]);
  for (const { code, stdout, stderr } of [stats, worker]) {
    expect(code).toBe(3);
    expect(stderr).toContain("WRONGPASS");
    expect(stdout + stderr).not.toContain("hidden");
  }
  const right = { DELAYQ_REDIS_URL: redis.url.replace("//", "//:right@") };
  expect(await runCli(["stats", "--json"], { env: right })).toMatchObject({ code: 0 });
});

it.each([
  "redis://:hidden@127.0.0.1:1",
  "redis://user:hidden@127.0.0.1:1/0",
  "redis://hidden@127.0.0.1:1",
  "redis://:hid/den@127.0.0.1:1",
  "redis://127.0.0.1:1?password=hidden",
  "/run/redis.sock?password=hidden",
  "http://user:hidden@127.0.0.1",
  ":hidden@127.0.0.1",
])("refuses a password in --url, %s, and says where it belongs", async (url) => {
  const commands = [["stats"], ["stats", `--url=${url}`], ["dead", "ls", "q"], ["scheduler", "--queue", "q"]];
  for (const args of commands.slice(0, url.startsWith("redis://:hidden") ? undefined : 1)) {
    const { code, stdout, stderr } = await runCli(args.length === 2 ? args : [...args, "--url", url]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("set DELAYQ_REDIS_URL to it, or leave them out and set DELAYQ_REDIS_PASSWORD");
    expect(stderr).not.toMatch(/hid/);
  }
});

it.each([
  ["stats", "--ulr=redis://:hidden@127.0.0.1:1"],
  ["stats", "--password=hid'den\nhidden"],
  ["stats", "-phidden"],
  ["queue", "show", "a", "redis://:hidden@127.0.0.1:1"],
  ["redis://127.0.0.1:1?password=hidden"],
])("repeats no password that stands where it does not belong: %j", async (...args) => {
  const { code, stdout, stderr } = await runCli(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).not.toMatch(/hid/);
});

it.each([
  "http://user:hidden@127.0.0.1",
  "redis://:hidden",
  "redis://:hid/den@127.0.0.1:1",
  "redis://:hidden@127.0.0.1:port",
  "hidden:word@127.0.0.1:1",
  "hidden:6379",
])("refuses the URL %s of the environment without repeating its password", async (url) => {
  const { code, stderr } = await runCli(["stats"], { env: { DELAYQ_REDIS_URL: url } });
  expect(code).toBe(2);
  expect(stderr).not.toMatch(/hid/);
});

it("is quiet when its reader goes away", async () => {
  const { queue, prefix, base } = setupCli();
  for (let i = 0; i < 3; i++) await queue({}, `q${i}`).add("n", i);
  const env = {
    ...process.env,
    DELAYQ_REDIS_URL: base.connection as string,
    P: prefix,
    NODE: process.execPath,
  };
  const script = `"$NODE" bin/delayq.js stats --prefix "$P" 2>err.$P | true; cat err.$P; rm err.$P`;
  const { stdout } = spawnSync("sh", ["-c", script], { env, encoding: "utf8" });
  expect(stdout).toBe("");
});

function envWithoutUrl(): NodeJS.ProcessEnv {
  const { DELAYQ_REDIS_URL: _, ...env } = process.env;
  return env;
}

/** Of a server that takes connections and never answers; closed when the test has finished. */
async function deafPort(): Promise<number> {
  const deaf = createServer().listen(0, "127.0.0.1");
  await once(deaf, "listening");
  onTestFinished(() => void deaf.close());
  return (deaf.address() as AddressInfo).port;
}
