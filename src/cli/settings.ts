import { existsSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { holdsSecret, placeOf, type Place } from "../store/connection-place.ts";
import { CliError, EXIT } from "./exit.ts";

/**
 * Where a command learns which Redis, which prefix and which time zone are meant. The first that says so counts:
 *
 * 1. flags
 * 2. the context that --context names
 * 3. the environment: DELAYQ_REDIS_URL and its kin, DELAYQ_PREFIX, DELAYQ_TZ
 * 4. the context that DELAYQ_CONTEXT names
 * 5. delayq.config.json in the working folder, or the context that it names
 *
 * Contexts are kept in contexts.json in the user's config folder, by name. Which Redis is one thing: a --cluster is not mixed with
 * the URL of a file.
 *
 * A URL of the environment or of a file may hold a password, that of a flag may not: flags are seen by everybody on the machine, and
 * stay in the history of the shell.
 */
export interface SettingsFlags extends Place {
  readonly context?: string;
  readonly prefix?: string;
  readonly tz?: string;
}

export interface Settings {
  readonly place: Place;
  readonly prefix: string;
  readonly tz: string | undefined;
  /** What its user should know about where it stands. */
  readonly warning: string | undefined;
}

const PROJECT_FILE = "delayq.config.json";
const PREFIX_DEFAULT = "dq";

const text = () => z.string({ error: "a text" }).min(1, { error: "a text" }).optional();
const object = { error: "an object such as { url, prefix }" };
const fields = {
  url: text(),
  sentinel: text(),
  master: text(),
  cluster: text(),
  tls: z.boolean({ error: "true or false" }).optional(),
  prefix: text(),
  tz: text(),
};
const contextSchema = z.strictObject(fields, object);
const projectSchema = z.strictObject({ ...fields, context: text() }, object);
const KNOWN = Object.keys(projectSchema.shape);
const contextsSchema = z.record(z.string(), z.unknown(), { error: "an object of contexts by name" });

type Context = z.output<typeof contextSchema>;
interface Layer extends Partial<Context> {
  /** The file that it was read from. */
  readonly path?: string;
}
type Environment = Readonly<Record<string, string | undefined>>;

const OTHERS_MAY_READ = 0o044;

/** @throws CliError with exit code 2 for a flag that holds a password, a file that is wrong, or a context that is not there */
export function readSettings(
  flags: SettingsFlags,
  env: Environment = process.env,
  folder = process.cwd(),
): Settings {
  if (flags.url !== undefined && holdsSecret(flags.url)) {
    throw new CliError(
      EXIT.usage,
      "a URL with a user or password cannot be given as --url, where everybody on this machine sees it; set DELAYQ_REDIS_URL to it, or leave them out and set DELAYQ_REDIS_PASSWORD",
    );
  }
  const projectPath = join(folder, PROJECT_FILE);
  const project = readFile(projectPath, projectSchema);
  const layers: readonly Layer[] = [
    flags,
    contextOf(flags.context, env),
    {
      prefix: env["DELAYQ_PREFIX"] || undefined,
      tz: env["DELAYQ_TZ"] || undefined,
      ...environmentPlace(env),
    },
    contextOf(env["DELAYQ_CONTEXT"] || undefined, env),
    { ...project, path: projectPath },
    contextOf(project.context, env),
  ];
  const named: Layer =
    layers.find(({ url, sentinel, cluster }) => (url ?? sentinel ?? cluster) !== undefined) ?? {};
  const { url, sentinel, cluster } = named;
  const master = flags.master ?? named.master;
  const tls = flags.tls ?? named.tls;
  return {
    place: placeOf({ url, sentinel, cluster, master, tls }, env),
    prefix: layers.find(({ prefix }) => prefix !== undefined)?.prefix ?? PREFIX_DEFAULT,
    tz: layers.find(({ tz }) => tz !== undefined)?.tz,
    warning: openSecret(named),
  };
}

/** Of a file that holds a password, and that others may read. */
function openSecret({ url = "", path }: Layer): string | undefined {
  if (path === undefined || !holdsSecret(url) || process.platform === "win32") return undefined;
  if ((statSync(path).mode & OTHERS_MAY_READ) === 0) return undefined;
  return `${path} holds a password, and others may read it: chmod 600 it, or leave the password out and set DELAYQ_REDIS_PASSWORD`;
}

/** Only what says which Redis: the rest of it is read where that is found. */
function environmentPlace(env: Environment): Partial<Context> {
  return {
    url: env["DELAYQ_REDIS_URL"] || undefined,
    sentinel: env["DELAYQ_REDIS_SENTINELS"] || undefined,
    cluster: env["DELAYQ_REDIS_CLUSTER"] || undefined,
  };
}

function contextOf(name: string | undefined, env: Environment): Layer {
  if (name === undefined) return {};
  const path = join(userConfigFolder(env), "delayq", "contexts.json");
  const contexts = readFile(path, contextsSchema);
  if (!Object.hasOwn(contexts, name)) {
    const known = Object.keys(contexts).join(", ") || "none";
    throw new CliError(EXIT.usage, `there is no context ${name} in ${path}; known: ${known}`);
  }
  return { ...parsed(contexts[name], contextSchema, `the context ${name} of ${path}`), path };
}

function userConfigFolder(env: Environment, platform = process.platform): string {
  if (env["XDG_CONFIG_HOME"]) return env["XDG_CONFIG_HOME"];
  if (platform === "win32" && env["APPDATA"]) return env["APPDATA"];
  return join(homedir(), ".config");
}

/** An empty object for a file that is not there. Files may hold passwords, so messages repeat none of their text. */
function readFile<S extends z.ZodType>(path: string, schema: S): Readonly<z.output<S>> {
  if (!existsSync(path)) return {} as z.output<S>;
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    throw new CliError(EXIT.usage, `${path} cannot be read: expected a file that holds JSON`);
  }
  return parsed(content, schema, path);
}

function parsed<S extends z.ZodType>(content: unknown, schema: S, what: string): Readonly<z.output<S>> {
  const result = schema.safeParse(content);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? what : `${issue.path.join(".")} of ${what}`;
  const wrong =
    issue?.code === "unrecognized_keys"
      ? `${what} holds ${issue.keys.join(", ")}; expected only ${KNOWN.join(", ")}`
      : `${where} is wrong: expected ${issue?.message}`;
  throw new CliError(EXIT.usage, wrong);
}
