import { join } from "node:path";
import { type DebianProgram, fetchDebianProgram, findInDebianCache } from "../../../src/dev/debian-cache.ts";
import { findExecutable } from "../../../src/dev/find-executable.ts";
import type { LocateContext } from "../../../src/dev/redis-server-command.ts";
import { runCommand } from "../../../src/dev/run-command.ts";

/** Absolute paths of the programs of Prometheus and Alertmanager. */
export interface PrometheusTools {
  readonly prometheus: string;
  readonly promtool: string;
  readonly alertmanager: string;
  readonly amtool: string;
}

const VERSION_TIMEOUT_MS = 10_000;

/** Debian calls Alertmanager by another name than its makers do. */
const NAMES = {
  prometheus: ["prometheus"],
  promtool: ["promtool"],
  alertmanager: ["alertmanager", "prometheus-alertmanager"],
  amtool: ["amtool"],
} as const satisfies Record<keyof PrometheusTools, readonly string[]>;

const PACKAGES: DebianProgram<PrometheusTools> = {
  name: "prometheus",
  // Go programs need the C library only; what the packages depend on is web pages.
  packages: { names: ["prometheus", "prometheus-alertmanager"], withDependencies: false },
  find: (root, env) => find({ ...env, PATH: join(root, "usr", "bin") }),
  whyUnusable: async () => await Promise.resolve("The distribution's prometheus does not run when unpacked"),
};

/**
 * Those on the PATH, else those of the distribution's packages, unpacked into the user's cache as Redis is.
 *
 * @throws Error with apt's last lines.
 */
export async function locatePrometheusTools(context: LocateContext): Promise<PrometheusTools | undefined> {
  const { env } = context;
  return (
    (await find(env)) ??
    (await findInDebianCache(PACKAGES, env)) ??
    (await fetchDebianProgram(PACKAGES, context))
  );
}

/** All of them, of which each tells its version, or nothing. */
async function find(env: NodeJS.ProcessEnv): Promise<PrometheusTools | undefined> {
  const tools = Object.entries(NAMES).map(
    async ([tool, names]) => [tool, await firstOf(names, env)] as const,
  );
  const found = await Promise.all(tools);
  return found.every(([, path]) => path !== undefined)
    ? (Object.fromEntries(found) as unknown as PrometheusTools)
    : undefined;
}

async function firstOf(names: readonly string[], env: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const name of names) {
    const path = await findExecutable(name, env);
    if (path === undefined) continue;
    const { isOk } = await runCommand(path, ["--version"], { env, timeoutMs: VERSION_TIMEOUT_MS });
    if (isOk) return path;
  }
  return undefined;
}
