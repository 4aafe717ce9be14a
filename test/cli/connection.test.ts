import { expect, it } from "vitest";
import { runCli } from "./support/cli.ts";

it.each([
  [["--url", "redis://127.0.0.1:1", "--cluster", "127.0.0.1:1"], {}, "cannot be used with option"],
  [["--sentinel", "127.0.0.1:1", "--cluster", "127.0.0.1:1"], {}, "cannot be used with option"],
  [["--sentinel", "127.0.0.1:1"], {}, "sentinels and how they name the master"],
  [["--master", "main"], {}, "sentinels and how they name the master"],
  [["--cluster", "127.0.0.1:1,"], {}, "host:port"],
  [["--cluster", "user:hidden@127.0.0.1:1"], {}, "got one with a user or password"],
  [["--sentinel", "a:1,:hidden/@b:1", "--master", "m"], {}, "got one with a user or password"],
  [[], { DELAYQ_REDIS_URL: "redis://127.0.0.1:1", DELAYQ_REDIS_CLUSTER: "127.0.0.1:1" }, "got several"],
])("refuses %j with %j as wrong usage", async (flags, env, message) => {
  const { code, stdout, stderr } = await runCli(["stats", ...flags], { env });
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(message);
  expect(stderr).not.toContain("hidden");
});

it.each([
  [["--sentinel", "127.0.0.1:1", "--master", "main"], "main of the sentinels 127.0.0.1:1", "sentinel"],
  [
    ["--cluster", "127.0.0.1:1,127.0.0.1:2"],
    "Cluster 127.0.0.1:1,127.0.0.1:2",
    "none of the nodes could be reached",
  ],
])("names %j and the reason when nobody answers there, and no password", async (flags, address, reason) => {
  const env = { DELAYQ_REDIS_PASSWORD: "hidden", DELAYQ_REDIS_SENTINEL_PASSWORD: "hidden" };
  const { code, stdout, stderr } = await runCli(["stats", ...flags], { env });
  expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
  expect(stderr).toMatch(new RegExp(`^delayq: Redis at ${address} cannot be used: .*${reason}.*\n$`));
  expect(stderr).not.toContain("hidden");
});

it("explains in its help where secrets stand", async () => {
  const { stdout } = await runCli(["stats", "--help"]);
  expect(stdout).toMatch(/--sentinel[^]*--master[^]*--cluster[^]*--tls[^]*DELAYQ_REDIS_PASSWORD/);
  expect(stdout).not.toMatch(/--password|--username/);
});
