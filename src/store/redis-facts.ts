import type { Cluster, Redis } from "ioredis";
import type {
  MissingRight,
  PersistenceFacts,
  RedisFacts,
  ReplicaFacts,
  RightsFacts,
  ServerFacts,
  Unreachable,
  UsageFacts,
} from "../core/doctor-facts.ts";
import type { Client } from "./connection-options.ts";
import type { CallOptions, Connection } from "./connection.ts";
import { neededRights } from "./needed-rights.ts";
import { withoutCommand } from "./redis-errors.ts";

/**
 * Asks every server of a Redis what it says of itself: masters, and the replicas that they name. Changes nothing. What this
 * user may not ask is left out; a server that does not answer is named.
 */
const ANSWER_MS = 1500;
const CLOCK_LOOKS = 3;
/** For all looks at one clock together. */
const CLOCK_MS = 1500;
const SETTINGS = ["maxmemory-policy", "min-replicas-to-write", "save", "appendfsync"];

export interface ServersAsked {
  readonly servers: readonly ServerFacts[];
  readonly unreachable: readonly Unreachable[];
}

interface Asking {
  /** When all must have answered, on the clock of `performance.now()`. */
  readonly deadlineMs: number;
  /** Whether to ask for their configuration too: a right of its own. */
  readonly asksSettings: boolean;
}

export async function readRedisFacts(
  connection: Connection,
  prefix: string,
  options: CallOptions,
): Promise<RedisFacts> {
  const client = await connection.ready(options);
  const asked = await readServers(client, { deadlineMs: options.deadlineMs, asksSettings: true });
  const [first] = mastersOf(client);
  const [state, rights] = await Promise.all([
    client.isCluster ? clusterState(first) : undefined,
    readRights(first, prefix, client.isCluster),
  ]);
  return {
    kind: client.isCluster ? "cluster" : isSentinel(first) ? "sentinel" : "standalone",
    ...asked,
    clusterState: state,
    rights,
  };
}

/** What all servers say of themselves, and which did not answer; ends at the deadline, with those that have answered by then. */
export async function readServers(client: Client, asking: Asking): Promise<ServersAsked> {
  const masters = mastersOf(client);
  const asked = await Promise.all(masters.map(async (master) => await askMaster(masters[0], master, asking)));
  return {
    servers: asked.flatMap(({ servers }) => servers),
    unreachable: asked.flatMap(({ unreachable }) => unreachable),
  };
}

function mastersOf(client: Client): [Redis, ...Redis[]] {
  if (!isCluster(client)) return [client];
  const [first, ...others] = client.nodes("master");
  if (first === undefined) throw new Error("Expected the Cluster to have a master that answers.");
  return [first, ...others];
}

const isCluster = (client: Client): client is Cluster => client.isCluster;
const isSentinel = ({ options }: Redis): boolean => (options.sentinels?.length ?? 0) > 0;

/** A master, and its replicas with it. One that leads to a replica is asked alone. */
async function askMaster(first: Redis, master: Redis, asking: Asking): Promise<ServersAsked> {
  const servers: ServerFacts[] = [];
  const unreachable: Unreachable[] = [];
  const ask = async (address: string, isMaster: boolean, facts: Promise<ServerFacts>): Promise<void> => {
    try {
      servers.push(await facts);
    } catch (error) {
      unreachable.push({ address, isMaster, isHurried: error instanceof Hurried });
    }
  };
  const addressed = addressOf(master);
  await ask(addressed, true, askServer(master, addressed, asking));
  const replicas = servers.flatMap((facts) => facts.replicas);
  await Promise.all(
    replicas.map(async ({ address }) => await ask(address, false, askAt(first, address, asking))),
  );
  return { servers: servers.toSorted((a, b) => (a.address < b.address ? -1 : 1)), unreachable };
}

/** By the options of another server of the same Redis: user, password, TLS. */
async function askAt(like: Redis, address: string, asking: Asking): Promise<ServerFacts> {
  const at = address.lastIndexOf(":");
  // Without sentinels, which would lead to the master again.
  const alone = {
    sentinels: null,
    Connector: undefined,
    path: null,
    lazyConnect: true,
    enableOfflineQueue: true,
  };
  const server = like.duplicate({
    ...(alone as object),
    host: address.slice(0, at),
    port: Number(address.slice(at + 1)),
    connectTimeout: ANSWER_MS,
    retryStrategy: () => null,
  });
  server.on("error", () => {});
  try {
    await within(server.connect(), asking);
    return await askServer(server, address, asking);
  } finally {
    server.disconnect();
  }
}

async function askServer(server: Redis, address: string, asking: Asking): Promise<ServerFacts> {
  const nothing = new Map<string, string>();
  const settingsAsked = asking.asksSettings
    ? () => within(server.config("GET", ...(SETTINGS as [string])), asking).then(settingsOf, () => nothing)
    : () => nothing;
  // The clock first, since the others are in its way; its second look comes after them.
  const [clock, info, settings] = await Promise.all([
    readClock(server, asking),
    within(server.info(), asking).then(parseInfo, () => nothing),
    settingsAsked(),
  ]);
  const role = { master: "master", slave: "replica" } as const;
  const minReplicas = settings.get("min-replicas-to-write");
  const good = info.get("min_slaves_good_slaves");
  return {
    address,
    role: role[info.get("role") as keyof typeof role],
    version: info.get("valkey_version") ?? info.get("redis_version"),
    policy: info.get("maxmemory_policy") ?? settings.get("maxmemory-policy"),
    memory: info.has("maxmemory")
      ? { usedBytes: Number(info.get("used_memory")), maxBytes: Number(info.get("maxmemory")) }
      : undefined,
    persistence: persistenceOf(info, settings),
    usage: usageOf(info),
    replicas: replicasOf(info),
    minReplicas:
      good === undefined
        ? undefined
        : { wanted: minReplicas === undefined ? undefined : Number(minReplicas), good: Number(good) },
    isLinked: info.has("master_link_status") ? info.get("master_link_status") === "up" : undefined,
    ...clock,
  };
}

type ClockFacts = Pick<ServerFacts, "clockAheadMs" | "clockErrorMs">;

/** The quickest of some looks tells most: the clock was read somewhere within it. The first must be answered. */
async function readClock(server: Redis, asking: Asking): Promise<ClockFacts> {
  const deadlineMs = Math.min(asking.deadlineMs, performance.now() + CLOCK_MS);
  let best = await lookAtClock(server, asking);
  for (let look = 1; look < CLOCK_LOOKS; look++) {
    const next = await lookAtClock(server, { deadlineMs }).catch(() => best);
    if (next.clockErrorMs < best.clockErrorMs) best = next;
  }
  return best;
}

async function lookAtClock(server: Redis, until: Until): Promise<ClockFacts> {
  const [hereMs, began] = [Date.now(), performance.now()];
  const [seconds, micros] = (await within(server.time(), until)) as [unknown, unknown];
  const halfMs = (performance.now() - began) / 2;
  const clockAheadMs = Number(seconds) * 1000 + Number(micros) / 1000 - (hereMs + halfMs);
  return { clockAheadMs, clockErrorMs: halfMs + 1 }; // Date.now() is whole ms
}

function persistenceOf(
  info: ReadonlyMap<string, string>,
  settings: ReadonlyMap<string, string>,
): PersistenceFacts | undefined {
  if (!info.has("aof_enabled")) return undefined;
  const save = settings.get("save");
  return {
    isAofOn: info.get("aof_enabled") === "1",
    isAofWriteOk: info.get("aof_last_write_status") !== "err",
    takesSnapshots: save === undefined ? undefined : save !== "",
    isSnapshotOk: info.get("rdb_last_bgsave_status") !== "err",
    fsync: settings.get("appendfsync"),
  };
}

function usageOf(info: ReadonlyMap<string, string>): UsageFacts | undefined {
  if (!info.has("used_cpu_user")) return undefined;
  const number = (name: string): number => Number(info.get(name) ?? 0);
  return {
    isLoading: info.get("loading") === "1",
    savedAtSeconds: number("rdb_last_save_time"),
    cpuUserSeconds: number("used_cpu_user"),
    cpuSystemSeconds: number("used_cpu_sys"),
    receivedBytes: number("total_net_input_bytes"),
    sentBytes: number("total_net_output_bytes"),
    evictedKeys: number("evicted_keys"),
  };
}

function replicasOf(info: ReadonlyMap<string, string>): ReplicaFacts[] {
  const offset = Number(info.get("master_repl_offset") ?? 0);
  return [...info]
    .filter(([name]) => /^slave\d+$/.test(name))
    .map(([, line]) => {
      const fields = new Map(line.split(",").map((pair) => pair.split("=", 2) as [string, string]));
      return {
        address: `${fields.get("ip")}:${fields.get("port")}`,
        state: fields.get("state") ?? "",
        behindBytes: Math.max(0, offset - Number(fields.get("offset") ?? 0)),
        silentMs: Number(fields.get("lag") ?? 0) * 1000,
      };
    });
}

const clusterState = async (server: Redis): Promise<string | undefined> =>
  await within(server.cluster("INFO")).then(
    (text) => parseInfo(text).get("cluster_state"),
    () => undefined,
  );

async function readRights(server: Redis, prefix: string, isCluster: boolean): Promise<RightsFacts> {
  try {
    const user = await within(server.acl("WHOAMI"));
    const tried = neededRights(prefix, isCluster).map(async ({ command, isOptional }) => {
      return { reason: await within(server.acl("DRYRUN", user, ...(command as [string]))), isOptional };
    });
    const missing: MissingRight[] = [];
    for (const { reason, isOptional } of await Promise.all(tried)) {
      const known = missing.some((one) => one.reason === reason);
      if (reason !== "OK" && !known) missing.push({ reason, isOptional });
    }
    return { isAsked: true, user, missing };
  } catch (error) {
    withoutCommand(error);
    return { isAsked: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

const parseInfo = (text: string): Map<string, string> =>
  new Map(
    text
      .split(/\r?\n/)
      .filter((line) => line.includes(":"))
      .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]),
  );

function settingsOf(reply: unknown): Map<string, string> {
  const flat = Array.isArray(reply)
    ? reply.map(String)
    : Object.entries(reply as object)
        .flat()
        .map(String);
  return new Map(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? ""]] : [])));
}

/** As it was named, so that it has one name whether it is connected or not. */
function addressOf(server: Redis): string {
  const { options, stream } = server;
  if (options.path !== undefined && options.path !== null && options.path !== "") return options.path;
  if (!isSentinel(server)) return `${options.host}:${options.port}`;
  // Through sentinels the options do not say where it is.
  const socket = stream as { remoteAddress?: string; remotePort?: number } | undefined;
  return socket?.remoteAddress === undefined
    ? String(options.name)
    : `${socket.remoteAddress}:${socket.remotePort}`;
}

/** What a Redis is called that has not answered yet. */
export function nameOfRedis(connection: Connection): string {
  const { client } = connection;
  return isCluster(client) ? "cluster" : addressOf(client);
}

type Until = Pick<Asking, "deadlineMs">;

const NO_DEADLINE: Until = { deadlineMs: Number.POSITIVE_INFINITY };

/** There was no answer, and less than the usual time for it. */
class Hurried extends Error {}

/** @throws Hurried where the deadline came first */
async function within<T>(answer: Promise<T>, { deadlineMs } = NO_DEADLINE): Promise<T> {
  const ms = Math.max(0, Math.min(ANSWER_MS, deadlineMs - performance.now()));
  const NoAnswer = ms < ANSWER_MS ? Hurried : Error;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new NoAnswer(`no answer within ${Math.round(ms)} ms`)), ms);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
