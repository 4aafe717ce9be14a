import {
  failure,
  ok,
  unknown,
  warning,
  type Finding,
  type RedisFacts,
  type ServerFacts,
  type Verdict,
} from "./doctor-facts.ts";
import { counted, shortDuration } from "./wording.ts";

/** What a doctor thinks of Redis. Pure: facts in, findings out. */
const MAJOR_MIN = 7;
const MEMORY_HIGH = 0.9;
const MEMORY_SEVERE = 0.98;
const BEHIND_MAX_BYTES = 16 * 1024 * 1024;
const SILENT_MAX_MS = 10_000;
const SKEW_WARNING_MS = 1000;
const SKEW_FAILURE_MS = 30_000;

type ServerRule = (server: ServerFacts, redis: RedisFacts) => Verdict | undefined;

/** What this user may not ask. */
const untold = (what: string, command: string): Verdict =>
  unknown(
    `${what} could not be asked (${command})`,
    "What is wrong there stays unseen.",
    "Give the user +info, +config|get, +acl|whoami and +acl|dryrun, or ask as one who has them.",
  );

/** In the order in which they are told. A rule of a server says nothing where it does not apply. */
const OF_SERVERS: Readonly<Record<string, ServerRule>> = {
  version,
  persistence,
  "maxmemory-policy": policy,
  memory,
  replicas,
  "replica-link": link,
  "min-replicas-to-write": minReplicas,
  "clock-skew": skew,
};

const OF_ALL: Readonly<Record<string, (redis: RedisFacts) => Verdict | undefined>> = {
  connection,
  "clocks-apart": apart,
  "unreachable-servers": unreachable,
  "acl-rights": rights,
};

export function judgeRedis(redis: RedisFacts): Finding[] {
  const findings: Finding[] = [];
  const tell = (check: string, about: string, verdict: Verdict | undefined): void => {
    if (verdict !== undefined) findings.push({ check, about, ...verdict });
  };
  for (const [check, rule] of Object.entries(OF_ALL)) tell(check, "redis", rule(redis));
  for (const server of redis.servers) {
    for (const [check, rule] of Object.entries(OF_SERVERS))
      tell(check, `server ${server.address}`, rule(server, redis));
  }
  return findings;
}

function connection({ kind, servers, clusterState }: RedisFacts): Verdict {
  const masters = servers.filter(({ role }) => role === "master").length;
  const text = `${kind}, ${counted(masters, "master")}, ${counted(servers.filter(({ role }) => role === "replica").length, "replica")}`;
  if (clusterState !== undefined && clusterState !== "ok") {
    return failure(
      `${text}; the Cluster says that its state is ${clusterState}`,
      "Slots without a master refuse every call, so the shards in them stand still.",
      "See CLUSTER INFO and CLUSTER SHARDS; bring the missing nodes back, or let replicas of theirs take over.",
    );
  }
  if (masters > 0) return ok(text);
  if (servers.every(({ role }) => role === undefined)) return untold(`${kind}; its role`, "INFO");
  return failure(
    `${text}; the connection leads to a replica`,
    "A replica refuses every write: nothing can be added, claimed or settled.",
    "Name the master, or its sentinels (--sentinel, --master).",
  );
}

function version({ version: seen }: ServerFacts): Verdict {
  if (seen === undefined) return untold("the version", "INFO");
  if (Number.parseInt(seen, 10) >= MAJOR_MIN) return ok(`version ${seen}`);
  return failure(
    `version ${seen}`,
    "Sharded messages and script flags came with Redis 7.0; delayq cannot work without them.",
    `Update it to Redis or Valkey ${MAJOR_MIN}.0 or newer.`,
  );
}

function persistence({ persistence: kept, role }: ServerFacts): Verdict | undefined {
  if (kept === undefined) return role === "replica" ? undefined : untold("persistence", "INFO");
  const { isAofOn, isAofWriteOk, isSnapshotOk, takesSnapshots, fsync } = kept;
  if (isAofOn && !isAofWriteOk) {
    return failure(
      "the append-only file could not be written",
      "Redis refuses writes until it can write its log again; tasks stand still.",
      "Look for a full disk, and into the log of Redis.",
    );
  }
  if (isAofOn && fsync === "no") {
    return warning(
      "append-only file, appendfsync no",
      "A crash of the machine loses what the system had not written yet, up to half a minute of tasks.",
      "Set appendfsync to everysec (loses a second at most) or always.",
    );
  }
  if (isAofOn && fsync === undefined) return untold("append-only file; appendfsync", "CONFIG GET");
  if (isAofOn) return ok(`append-only file, appendfsync ${fsync}`);
  if (takesSnapshots === false) {
    return failure(
      "neither append-only file nor snapshots",
      "When this Redis restarts, every task is gone.",
      "Set appendonly yes (CONFIG SET appendonly yes, and in redis.conf).",
    );
  }
  if (!isSnapshotOk) {
    return failure(
      "snapshots only, and the last one failed",
      "When this Redis restarts, tasks of long ago come back and later ones are gone; it may refuse writes too.",
      "Look for a full disk or too little memory to fork, and set appendonly yes.",
    );
  }
  return warning(
    takesSnapshots === undefined
      ? "no append-only file; whether snapshots are taken could not be asked (CONFIG GET)"
      : "snapshots only, no append-only file",
    "A crash loses the tasks of the minutes since the last snapshot, and runs again what had completed since.",
    "Set appendonly yes (CONFIG SET appendonly yes, and in redis.conf).",
  );
}

function policy({ policy: seen, role }: ServerFacts): Verdict | undefined {
  if (seen === undefined) return role === "replica" ? undefined : untold("the policy", "INFO");
  if (seen === "noeviction") return ok("noeviction");
  return failure(
    seen,
    "When memory is full, Redis throws keys away to make room: whole shards with all their tasks.",
    "CONFIG SET maxmemory-policy noeviction, and in redis.conf. Give a cache a Redis of its own.",
  );
}

function memory({ memory: seen, role }: ServerFacts): Verdict | undefined {
  if (seen === undefined) return role === "replica" ? undefined : untold("used memory", "INFO");
  const { usedBytes, maxBytes } = seen;
  if (maxBytes === 0) return ok(`${mebibytes(usedBytes)} used, no limit set`);
  const share = usedBytes / maxBytes;
  const text = `${mebibytes(usedBytes)} of ${mebibytes(maxBytes)} used (${Math.round(share * 100)} %)`;
  if (share < MEMORY_HIGH) return ok(text);
  return (share < MEMORY_SEVERE ? warning : failure)(
    text,
    "At the limit adding is refused with DELAYQ_REDIS_FULL; what is there still runs.",
    "Raise maxmemory, let workers catch up, purge dead tasks, or keep results for less long.",
  );
}

function replicas({ role, replicas: all }: ServerFacts, { kind }: RedisFacts): Verdict | undefined {
  if (role !== "master") return undefined;
  if (all.length === 0) {
    if (kind === "standalone") return ok("no replicas");
    return warning(
      "no replica follows this master",
      "If it dies, nobody can take over, and its tasks stand still.",
      "Start a replica of it.",
    );
  }
  const late = all.filter(
    ({ state, behindBytes, silentMs }) =>
      state !== "online" || behindBytes > BEHIND_MAX_BYTES || silentMs > SILENT_MAX_MS,
  );
  const told = all.map(
    ({ address, state, behindBytes, silentMs }) =>
      `${address} ${state}, ${mebibytes(behindBytes)} behind, heard ${Math.round(silentMs / 1000)} s ago`,
  );
  if (late.length === 0) return ok(told.join("; "));
  return warning(
    told.join("; "),
    "What a replica has not got is lost if it takes over: tasks vanish, or run again.",
    "Look at the network between them, and at the replica's load and disk.",
  );
}

function link({ role, isLinked }: ServerFacts): Verdict | undefined {
  if (role !== "replica" || isLinked === undefined) return undefined;
  if (isLinked) return ok("follows its master");
  return warning(
    "does not hear its master",
    "It grows older every second; if it takes over, tasks of that time are lost or run again.",
    "Look at the network between them, and whether masteruser and masterauth are right.",
  );
}

function minReplicas(
  { role, minReplicas: seen, replicas: all }: ServerFacts,
  { kind }: RedisFacts,
): Verdict | undefined {
  if (role !== "master" || (all.length === 0 && seen === undefined)) return undefined;
  if (seen === undefined || seen.wanted === 0) {
    const text = "0: it takes writes with no replica to hear them";
    if (kind === "standalone") return ok(text);
    return warning(
      text,
      "A master that is cut off from the others goes on taking tasks, which are lost when it rejoins them as a replica.",
      "CONFIG SET min-replicas-to-write 1 and min-replicas-max-lag 10, where there are two replicas or more.",
    );
  }
  const { wanted, good } = seen;
  const text = `${wanted ?? "set"}; ${counted(good, "replica")} good enough`;
  if (wanted === undefined ? good > 0 : good >= wanted) return ok(text);
  return failure(
    text,
    "With fewer good replicas than that the master refuses every write: nothing is added, claimed or settled.",
    "Bring the replicas back, or lower min-replicas-to-write.",
  );
}

function skew({ clockAheadMs, clockErrorMs }: ServerFacts): Verdict {
  const off = Math.max(0, Math.abs(clockAheadMs) - clockErrorMs);
  const way = clockAheadMs < 0 ? "behind" : "ahead of";
  if (off < SKEW_WARNING_MS)
    return ok(`its clock and the one here agree to ${shortDuration(Math.abs(clockAheadMs) + clockErrorMs)}`);
  return (off < SKEW_FAILURE_MS ? warning : failure)(
    `its clock is ${shortDuration(Math.abs(clockAheadMs))} ${way} the one here`,
    "Tasks run by the clock of Redis: those added with { at } from here run that much too early or too late by the clock here.",
    "Set both by NTP (chrony or systemd-timesyncd), and see that they are in step: chronyc tracking.",
  );
}

/** Whichever of them becomes master, its clock decides. */
function apart({ servers }: RedisFacts): Verdict | undefined {
  if (servers.length < 2) return undefined;
  const ahead = servers.map(({ clockAheadMs }) => clockAheadMs);
  const apartMs = Math.max(...ahead) - Math.min(...ahead);
  const errorMs = 2 * Math.max(...servers.map(({ clockErrorMs }) => clockErrorMs));
  if (apartMs - errorMs < SKEW_WARNING_MS)
    return ok(`the servers' clocks agree to ${shortDuration(apartMs + errorMs)}`);
  return (apartMs - errorMs < SKEW_FAILURE_MS ? warning : failure)(
    `the servers' clocks are up to ${shortDuration(apartMs)} apart`,
    "After a failover another clock decides: tasks run too early or too late by that, and leases end too soon or too late.",
    "Set all by NTP (chrony or systemd-timesyncd).",
  );
}

function unreachable({ unreachable: all }: RedisFacts): Verdict | undefined {
  if (all.length === 0) return undefined;
  const masters = all.filter(({ isMaster }) => isMaster);
  const text = `no answer from ${all.map(({ address }) => address).join(", ")}`;
  if (masters.length > 0) {
    return failure(
      text,
      "What lives on a master that does not answer stands still, for this machine at least.",
      "See whether it runs, and whether the network lets this machine through.",
    );
  }
  return warning(
    text,
    "Masters name these replicas, but from here they cannot be asked; if one takes over, it may be out of reach too.",
    "Look at the network, and at replica-announce-ip where the servers know each other by other addresses.",
  );
}

function rights({ rights: seen }: RedisFacts): Verdict {
  if (!seen.isAsked) {
    return unknown(
      `could not be asked: ${seen.reason}`,
      "Rights that are missing show only when something fails.",
      "Give the user +acl|whoami and +acl|dryrun, or compare its rights with those that the documentation names.",
    );
  }
  const { user, missing } = seen;
  if (missing.length === 0) return ok(`user ${user} may do all that delayq does`);
  const needed = missing.filter(({ isOptional }) => !isOptional);
  const text = missing.map(({ reason }) => reason).join("; ");
  const fix = "Give the user the rights that the documentation names, by ACL SETUSER.";
  if (needed.length > 0) return failure(text, "What is refused fails, for every task.", fix);
  return warning(
    text,
    "delayq goes without, but finds due tasks by polling, or cannot check what it talks to.",
    fix,
  );
}

const mebibytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`;
