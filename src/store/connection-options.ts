import { Redis, type Cluster, type ClusterOptions, type RedisOptions } from "ioredis";
import { DelayqError } from "../core/errors.ts";
import { show } from "../core/validate.ts";
import type { ServerAddress } from "../telemetry/place.ts";
import { calmRefresh } from "./calm-refresh.ts";
import { environmentConnection } from "./connection-place.ts";
import { PromptConnector } from "./prompt-connector.ts";
import { QuietSentinelConnector } from "./quiet-sentinels.ts";

/** Where Redis is: a URL, ioredis options (sentinels included), or a client whose options are taken (it is never used itself). */
export type ConnectionOption = string | RedisOptions | Redis | Cluster;

export type Client = Redis | Cluster;

const REDIS_PORT = 6379;
const RECONNECT_MIN_MS = 20;
const RECONNECT_MAX_MS = 500;
const SOCKET_TIMEOUT_MS = 3000;
const CONNECT_TIMEOUT_MS = 3000;
const RESUBSCRIBE_MS = 100;
const LOADING_LOOK_MS = 200;
const SENTINEL_ANSWER_MS = 1000;
const SENTINEL_RECONNECT_MS = 5000;
/** For a frozen peer a connection that is given up would stay half open, its calls with it. */
const DISCONNECT_MS = 100;

const reconnectDelayMs = (times: number): number =>
  Math.round(
    Math.min(RECONNECT_MIN_MS * 2 ** Math.min(times, 10), RECONNECT_MAX_MS) * (0.75 + Math.random() / 4),
  );

/**
 * What delayq's connections need, whatever the caller's options say.
 *
 * ioredis must never send a call twice by itself: it knows nothing of claims, and the store would not learn that the first
 * may have been executed. So it fails all that is in flight when a connection ends, and the store repeats
 * (`maxRetriesPerRequest: 0`, and in a Cluster `retryDelayOnFailover: 0`). A peer that is frozen with its sockets open is
 * noticed by the socket time-out; reconnects are quick and capped, since its default grows to seconds. Replicas are of no
 * use: what they say may be old.
 */
const OWN_OPTIONS = {
  lazyConnect: true,
  maxRetriesPerRequest: 0,
  enableReadyCheck: true,
  maxLoadingRetryTime: LOADING_LOOK_MS,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  enableAutoPipelining: false,
  replyMapping: "legacy",
  retryStrategy: reconnectDelayMs,
  disconnectTimeout: DISCONNECT_MS,
  role: "master",
  readOnly: false,
  connectionName: "delayq",
} as const satisfies RedisOptions;

const FALLBACK_OPTIONS: RedisOptions = {
  socketTimeout: SOCKET_TIMEOUT_MS,
  connectTimeout: CONNECT_TIMEOUT_MS,
  keepAlive: 10_000,
};

/** A sentinel that does not answer would hold the search for the master for ever. */
const FALLBACK_SENTINEL_OPTIONS: RedisOptions = {
  Connector: QuietSentinelConnector,
  failoverDetector: true,
  sentinelCommandTimeout: SENTINEL_ANSWER_MS,
  sentinelRetryStrategy: reconnectDelayMs,
  sentinelReconnectStrategy: () => SENTINEL_RECONNECT_MS,
};

/**
 * As for one Redis. What a Cluster answers with a redirection or TRYAGAIN ioredis sends again: there nothing was executed.
 * What a lost connection leaves without an answer it does not; it would also look for the slots then, so the store does. To subscribe
 * twice does no harm: there it may.
 */
const OWN_CLUSTER_OPTIONS = {
  lazyConnect: true,
  scaleReads: "master",
  enableReadyCheck: true,
  enableOfflineQueue: true,
  enableAutoPipelining: false,
  clusterRetryStrategy: reconnectDelayMs,
  retryDelayOnMoved: 0,
  retryDelayOnClusterDown: 0,
  retryDelayOnTryAgain: 100,
} as const satisfies ClusterOptions;

/** How to open connections to one place. The same URL, or the same object, shares one `Connection`. */
export interface ResolvedConnection {
  readonly sharingKey: string | object;
  /** @param use a client that listens is used for nothing else */
  open(use: "calls" | "hints"): Client;
}

/** @throws DelayqError `DELAYQ_INVALID_OPTION` */
export function resolveConnection(option: ConnectionOption | undefined): ResolvedConnection {
  if (option === undefined) return resolveConnection(environmentConnection());
  if (typeof option === "string") {
    const url = checkedUrl(option);
    return { sharingKey: url, open: () => new Redis(url, { ...FALLBACK_OPTIONS, ...OWN_OPTIONS }) };
  }
  if (typeof option !== "object" || option === null || Array.isArray(option)) throw invalid(option);
  refusePrefix(option);
  if (isCluster(option)) {
    return {
      sharingKey: option,
      open: (use) => calmRefresh(option.duplicate([], clusterOptions(option, use))),
    };
  }
  const options = isRedis(option) ? askedFor(option.options) : option;
  return { sharingKey: option, open: () => new Redis(redisOptions(options)) };
}

function redisOptions(options: RedisOptions): RedisOptions & typeof OWN_OPTIONS {
  const isSentinel = (options.sentinels?.length ?? 0) > 0;
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined && value !== null),
  );
  return { ...FALLBACK_OPTIONS, ...(isSentinel && FALLBACK_SENTINEL_OPTIONS), ...given, ...OWN_OPTIONS };
}

/** A client shows the defaults of ioredis among its options; they are nobody's wish, and give way to ours. */
function askedFor(options: RedisOptions): RedisOptions {
  const { options: unasked } = new Redis({ lazyConnect: true });
  const isAsked = ([name, value]: [string, unknown]): boolean =>
    !Object.is(value, unasked[name as keyof RedisOptions]);
  return Object.fromEntries(Object.entries(options).filter(isAsked));
}

function clusterOptions({ options }: Cluster, use: "calls" | "hints") {
  return {
    ...options,
    ...OWN_CLUSTER_OPTIONS,
    retryDelayOnFailover: use === "hints" ? RESUBSCRIBE_MS : 0,
    shardedSubscribers: use === "hints",
    redisOptions: redisOptions({
      ...(use === "hints" && { Connector: PromptConnector }),
      ...options.redisOptions,
    }),
  } satisfies ClusterOptions;
}

/** The server that is named, if it is one and not whichever sentinels or a Cluster name. Of a connection that has been resolved. */
export function serverOf(option: ConnectionOption | undefined): ServerAddress | undefined {
  if (option === undefined) return serverOf(environmentConnection());
  if (typeof option === "string") {
    if (option.startsWith("/")) return { address: option, port: undefined };
    const { hostname, port } = new URL(option);
    const address = hostname.replace(/^\[(.*)\]$/, "$1"); // of IPv6
    return { address, port: Number(port) || REDIS_PORT };
  }
  if (isCluster(option)) return undefined;
  const {
    host = "localhost",
    port = REDIS_PORT,
    path,
    sentinels,
  } = isRedis(option) ? option.options : option;
  if ((sentinels?.length ?? 0) > 0) return undefined;
  return typeof path === "string" ? { address: path, port: undefined } : { address: host, port };
}

/** By shape, so that a caller with another copy of ioredis is understood too. */
const isRedis = (value: object): value is Redis => "duplicate" in value && "options" in value;
const isCluster = (value: object): value is Cluster => isRedis(value) && "nodes" in value;

function refusePrefix(option: object): void {
  const { keyPrefix } = ("options" in option ? option.options : option) as { keyPrefix?: string };
  if (keyPrefix !== undefined && keyPrefix !== "") {
    throw new DelayqError(
      "DELAYQ_INVALID_OPTION",
      `Expected a connection without \`keyPrefix\`, got ${show(keyPrefix)}. Use delayq's own \`prefix\` option.`,
    );
  }
}

function checkedUrl(url: string): string {
  if (url.startsWith("/")) return url; // a socket
  if (!URL.canParse(url)) throw invalidUrl("a text that is no URL");
  const { protocol, searchParams } = new URL(url);
  if (protocol !== "redis:" && protocol !== "rediss:")
    throw invalidUrl("a URL that begins otherwise than redis:// or rediss://");
  // ioredis would let the query of a URL win over options.
  const own = ["keyPrefix", ...Object.keys(OWN_OPTIONS)].filter((key) => searchParams.has(key));
  if (own.length === 0) return url;
  throw new DelayqError(
    "DELAYQ_INVALID_OPTION",
    `Expected a connection URL without \`${own.join(", ")}\`, which delayq sets itself. Leave it out.`,
  );
}

const invalid = (got: unknown): DelayqError => invalidUrl(show(got));

/** Nothing of a wrong URL is shown: where its password stands nobody knows. */
function invalidUrl(got: string): DelayqError {
  return new DelayqError(
    "DELAYQ_INVALID_OPTION",
    `Expected \`connection\` to be a URL (redis://host:port), ioredis options, a Redis or a Cluster, got ${got}.`,
  );
}
