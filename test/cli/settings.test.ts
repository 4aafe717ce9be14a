import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, inject, it, onTestFinished } from "vitest";
import { readSettings } from "../../src/cli/settings.ts";
import { runCli, setupCli } from "./support/cli.ts";

/** A working folder and a config folder of the test's own. */
function setup(project?: unknown, contexts?: unknown) {
  const folder = mkdtempSync(join(tmpdir(), "delayq-settings-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "config", "delayq"), { recursive: true });
  const text = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
  if (project !== undefined) writeFileSync(join(folder, "delayq.config.json"), text(project));
  if (contexts !== undefined) writeFileSync(join(folder, "config/delayq/contexts.json"), text(contexts));
  const config = { XDG_CONFIG_HOME: join(folder, "config") };
  const read = (flags: object, env: NodeJS.ProcessEnv = {}) =>
    readSettings(flags, { ...config, ...env }, folder);
  return { folder, config, read };
}

const url = (name: string): string => `redis://${name}:6379`;

it("takes flags first, then the named context, the environment, its context, and the file of the folder", () => {
  const contexts = { a: { url: url("a"), prefix: "pa" }, b: { cluster: "b:1", tz: "Asia/Tokyo" } };
  const { read } = setup({ url: url("file"), prefix: "pf", tz: "Europe/Oslo" }, contexts);
  expect(read({})).toMatchObject({ place: { url: url("file") }, prefix: "pf", tz: "Europe/Oslo" });
  const inContext = { DELAYQ_CONTEXT: "b" };
  expect(read({}, inContext)).toMatchObject({ place: { cluster: "b:1" }, prefix: "pf", tz: "Asia/Tokyo" });
  const env = { ...inContext, DELAYQ_REDIS_URL: url("env"), DELAYQ_PREFIX: "pe" };
  expect(read({}, env)).toMatchObject({ place: { url: url("env") }, prefix: "pe", tz: "Asia/Tokyo" });
  expect(read({ context: "a" }, env)).toMatchObject({ place: { url: url("a") }, prefix: "pa" });
  const flags = { context: "a", url: url("flag"), prefix: "p", tz: "UTC" };
  expect(read(flags, env)).toMatchObject({ place: { url: url("flag") }, prefix: "p", tz: "UTC" });
});

it("is at the usual place where nothing says anything, and takes a context that the folder names", () => {
  expect(setup().read({})).toEqual({
    place: { url: "redis://127.0.0.1:6379" },
    prefix: "dq",
    tz: undefined,
    warning: undefined,
  });
  const { read } = setup({ context: "a" }, { a: { sentinel: "s:1", master: "m" } });
  expect(read({}).place).toMatchObject({ sentinel: "s:1", master: "m" });
});

it("says what is wrong with a file, and repeats no secret of it", () => {
  const secret = "redis://:hidden@h";
  const wrong: [unknown, RegExp][] = [
    [`{ "url": "${secret}" `, /delayq\.config\.json cannot be read: expected a file that holds JSON/],
    [secret, /holds JSON/],
    [JSON.stringify(secret), /delayq\.config\.json is wrong: expected an object/],
    [{ url: [secret] }, /url of .*delayq\.config\.json is wrong: expected a text/],
    [
      { password: "hidden" },
      /holds password; expected only url, sentinel, master, cluster, tls, prefix, tz, context/,
    ],
    [{ context: "none" }, /there is no context none in .*contexts\.json; known: a/],
  ];
  for (const [project, message] of wrong) {
    const { read } = setup(project, { a: {} });
    expect(() => read({})).toThrow(message);
    expect(() => read({})).toThrow(expect.not.stringContaining("hidden") as string);
  }
});

it.skipIf(process.platform === "win32")(
  "warns of a password in a file that others may read, and only of one that is used",
  async () => {
    const secret = "redis://:hidden@127.0.0.1:1";
    const { folder, config, read } = setup({ url: secret }, { a: { url: secret }, b: { url: url("b") } });
    const [project, contexts] = ["delayq.config.json", "config/delayq/contexts.json"].map((name) =>
      join(folder, name),
    ) as [string, string];
    for (const path of [project, contexts]) chmodSync(path, 0o644);
    const text = (path: string): string =>
      `${path} holds a password, and others may read it: chmod 600 it, or leave the password out and set DELAYQ_REDIS_PASSWORD`;
    expect(read({}).warning).toBe(text(project));
    expect(read({ context: "a" }).warning).toBe(text(contexts));
    for (const other of [{ context: "b" }, { url: url("flag") }]) expect(read(other).warning).toBeUndefined();
    expect(read({}, { DELAYQ_REDIS_URL: secret }).warning).toBeUndefined();
    const { code, stderr } = await runCli(["stats"], { cwd: folder, env: config });
    expect(code).toBe(3);
    expect(stderr).toMatch(/^delayq: .*delayq\.config\.json holds a password.*\ndelayq: Redis at .*\n$/);
    expect(stderr).not.toContain("hidden");
    chmodSync(project, 0o600);
    expect(read({}).warning).toBeUndefined();
  },
);

it("finds its Redis by a file or a context, in the process", async () => {
  const redisUrl = inject("redisUrl");
  const { queue, prefix } = setupCli();
  await queue().add("n", 1);
  const { folder, config } = setup({ url: redisUrl, prefix }, { c: { url: redisUrl, prefix } });
  const expected = { code: 0, stderr: "" };
  expect(await runCli(["stats", "q", "--json"], { cwd: folder })).toMatchObject(expected);
  expect(await runCli(["stats", "q", "--context", "c"], { env: config })).toMatchObject(expected);
  expect(await runCli(["stats", "--context", "d"], { env: config })).toMatchObject({ code: 2, stdout: "" });
});
