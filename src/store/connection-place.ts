import { Cluster, type RedisOptions } from "ioredis";
import { DelayqError } from "../core/errors.ts";
import { show } from "../core/validate.ts";
import type { ConnectionOption } from "./connection-options.ts";

/**
 * Where Redis is, as text: what flags and the environment can say. One of `url`, `sentinel` and `cluster`.
 *
 * Secrets are in the environment, or in the URL: flags are seen by everybody on the machine.
 */
export interface Place {
  readonly url?: string | undefined;
  /** host:port of each sentinel, with commas between them. */
  readonly sentinel?: string | undefined;
  /** How the sentinels name the master. */
  readonly master?: string | undefined;
  /** host:port of some nodes, with commas between them. */
  readonly cluster?: string | undefined;
  /** Whether sentinels and nodes speak TLS; a URL says so itself, and must if this does. */
  readonly tls?: boolean | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

interface Address {
  readonly host: string;
  readonly port: number;
}

const DEFAULT_URL = "redis://127.0.0.1:6379";
const DEFAULT_TLS_URL = "rediss://127.0.0.1:6379";
const SENTINEL_PORT = 26_379;
const REDIS_PORT = 6379;

/** Those of the environment, made once: equal texts are the same place, whose connections are shared. */
const ofEnvironment = new Map<string, ConnectionOption>();

/**
 * What the flags say; where they do not say where, what the environment says; else the usual port of this machine. The
 * master's name and TLS are taken from the environment whenever the flags do not say them.
 *
 * @throws DelayqError `DELAYQ_INVALID_OPTION`
 */
export function placeOf(flags: Place = {}, env: Environment = process.env): Place {
  const { url, sentinel, cluster } = isNamed(flags)
    ? flags
    : {
        url: set(env["DELAYQ_REDIS_URL"]),
        sentinel: set(env["DELAYQ_REDIS_SENTINELS"]),
        cluster: set(env["DELAYQ_REDIS_CLUSTER"]),
      };
  const master = flags.master ?? (sentinel === undefined ? undefined : set(env["DELAYQ_REDIS_MASTER"]));
  const place = { url, sentinel, cluster, master, tls: flags.tls ?? tlsOf(env) };
  if (isNamed(place) || master !== undefined) return place;
  return place.tls ? { url: DEFAULT_TLS_URL, tls: true } : { url: DEFAULT_URL };
}

/** @throws DelayqError `DELAYQ_INVALID_OPTION` */
export function connectionTo(place: Place, env: Environment = process.env): ConnectionOption {
  const { url, sentinel, master, cluster } = place;
  const named = [url, sentinel, cluster].filter((one) => one !== undefined);
  if (named.length > 1) throw invalid("one of a URL, sentinels and Cluster nodes", "several");
  if ((master === undefined) !== (sentinel === undefined)) {
    throw invalid("sentinels and how they name the master", "only one of the two");
  }
  const isTls = place.tls === true;
  const options = { ...credentials(env), ...(isTls && { tls: {} }) };
  if (cluster !== undefined) {
    const nodes = [...addresses(cluster, REDIS_PORT, "Cluster nodes")];
    return new Cluster(nodes, { lazyConnect: true, redisOptions: options });
  }
  if (sentinel === undefined || master === undefined) {
    // Else the password would go in the clear.
    if (isTls && url?.startsWith("rediss://") === false) {
      throw invalid("a URL that begins with rediss://, since TLS is asked for", addressOf(place));
    }
    return withCredentials(url ?? (isTls ? DEFAULT_TLS_URL : DEFAULT_URL), env);
  }
  return {
    ...options,
    sentinels: [...addresses(sentinel, SENTINEL_PORT, "sentinels")],
    name: master,
    ...sentinelCredentials(env),
    ...(isTls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
  };
}

/** Of a process that was told nothing else. @throws DelayqError `DELAYQ_INVALID_OPTION` */
export function environmentConnection(): ConnectionOption {
  const place = placeOf();
  const key = JSON.stringify([place, credentials(process.env), sentinelCredentials(process.env)]);
  let option = ofEnvironment.get(key);
  if (option === undefined) ofEnvironment.set(key, (option = connectionTo(place)));
  return option;
}

/** As messages name it: without user, password and whatever else a URL's query may hold. */
export function addressOf({ url, sentinel, master, cluster }: Place): string {
  if (cluster !== undefined) return `Cluster ${cluster}`;
  if (sentinel !== undefined) return `${master} of the sentinels ${sentinel}`;
  if (url === undefined || !URL.canParse(url)) return "the given path";
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

/** Whether a URL, be it one at all, holds what is nobody else's business: a user, a password, or one in its query. */
export function holdsSecret(url: string): boolean {
  const isSocket = url.startsWith("/");
  return (!isSocket && url.includes("@")) || /[?&](sentinel)?(username|password)=/i.test(url);
}

const isNamed = ({ url, sentinel, cluster }: Place): boolean => (url ?? sentinel ?? cluster) !== undefined;

/** Whoever writes it otherwise wants something, and not that passwords go in the clear. */
function tlsOf(env: Environment): boolean {
  const value = set(env["DELAYQ_REDIS_TLS"]);
  if (value !== undefined && value !== "1" && value !== "0") {
    throw new DelayqError(
      "DELAYQ_INVALID_OPTION",
      `Expected DELAYQ_REDIS_TLS to be 1 or 0, got ${show(value)}. Set it to 1 for TLS.`,
    );
  }
  return value === "1";
}

/** An empty variable counts as one that is not there. */
const set = (value: string | undefined): string | undefined => (value === "" ? undefined : value);

function credentials(env: Environment): { username?: string; password?: string } {
  const username = set(env["DELAYQ_REDIS_USERNAME"]);
  const password = set(env["DELAYQ_REDIS_PASSWORD"]);
  return { ...(username !== undefined && { username }), ...(password !== undefined && { password }) };
}

/** A URL that names nobody gets the user and password of the environment. */
function withCredentials(url: string, env: Environment): string {
  const { username, password } = credentials(env);
  if ((username ?? password) === undefined || !URL.canParse(url)) return url;
  const known = new URL(url);
  if (known.username !== "" || known.password !== "") return url;
  known.username = username ?? "";
  known.password = password ?? "";
  return known.href;
}

function sentinelCredentials(env: Environment): RedisOptions {
  const sentinelUsername = set(env["DELAYQ_REDIS_SENTINEL_USERNAME"]);
  const sentinelPassword = set(env["DELAYQ_REDIS_SENTINEL_PASSWORD"]);
  return {
    ...(sentinelUsername !== undefined && { sentinelUsername }),
    ...(sentinelPassword !== undefined && { sentinelPassword }),
  };
}

function addresses(text: string, defaultPort: number, what: string): readonly Address[] {
  return text.split(",").map((part) => {
    // Whoever wrote a user and a password here must not see them in a message.
    if (part.includes("@")) {
      throw invalid(`${what} as host:port, with commas between them`, "one with a user or password");
    }
    const url = `redis://${part.trim()}`;
    const { hostname, port, pathname } = URL.canParse(url) ? new URL(url) : NOWHERE;
    if (hostname === "" || pathname !== "") {
      throw invalid(`${what} as host:port, with commas between them`, show(text));
    }
    return { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? defaultPort : Number(port) };
  });
}

const NOWHERE = { hostname: "", port: "", pathname: "" };

function invalid(expected: string, got: string): DelayqError {
  return new DelayqError(
    "DELAYQ_INVALID_OPTION",
    `Expected ${expected}, got ${got}. Give --url, or --sentinel and --master, or --cluster, or DELAYQ_REDIS_URL, DELAYQ_REDIS_SENTINELS and DELAYQ_REDIS_MASTER, or DELAYQ_REDIS_CLUSTER.`,
  );
}
