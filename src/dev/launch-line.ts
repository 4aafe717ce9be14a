import { randomUUID } from "node:crypto";
import { DOCKER_IMAGE } from "./docker-redis.ts";
import type { RedisServerCommand } from "./redis-server-command.ts";

/** One Redis to run: everything that differs between two of them. */
export interface RedisInstance {
  readonly port: number;
  /** Absolute path; it must exist. */
  readonly dir: string;
  readonly config: Readonly<Record<string, string>>;
  /** Runs as a Sentinel with this file, which the Sentinel rewrites. */
  readonly sentinelFile: string | undefined;
}

export interface LaunchLine {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** The name by which Docker knows the server; `undefined` for a process of ours. */
  readonly containerName: string | undefined;
}

const DOCKER_PORT = "6379";
const DOCKER_DIR = "/data";

const DATA_DEFAULTS = { save: "", appendonly: "no", "maxmemory-policy": "noeviction" };

/** Not to be changed by `config`: the start is recognised by the log on stdout. */
const PROCESS_DIRECTIVES = { daemonize: "no", logfile: "", loglevel: "notice" };

/** The command line that runs an instance with a server of this kind. */
export function launchLine(server: RedisServerCommand, instance: RedisInstance): LaunchLine {
  if (server.source === "docker") return dockerLine(server, instance);
  const place = { bind: "127.0.0.1", port: String(instance.port), dir: instance.dir };
  return {
    command: server.command,
    args: [...server.args, ...redisArguments(instance, place)],
    env: server.env,
    containerName: undefined,
  };
}

function dockerLine(server: RedisServerCommand, instance: RedisInstance): LaunchLine {
  const containerName = `delayq-dev-${randomUUID()}`;
  // Inside the container it must listen on the bridge; only 127.0.0.1 is published outside.
  const place = { bind: "0.0.0.0", "protected-mode": "no", port: DOCKER_PORT, dir: DOCKER_DIR };
  const args = [
    ...server.args,
    `--name=${containerName}`,
    `--publish=127.0.0.1:${instance.port}:${DOCKER_PORT}`,
    `--volume=${instance.dir}:${DOCKER_DIR}`,
    // The files it writes belong to whoever started it, not to root.
    ...(process.getuid && process.getgid ? [`--user=${process.getuid()}:${process.getgid()}`] : []),
    DOCKER_IMAGE,
    "redis-server",
    ...redisArguments(instance, place),
  ];
  return { command: server.command, args, env: server.env, containerName };
}

function redisArguments(instance: RedisInstance, place: Readonly<Record<string, string>>): string[] {
  const { config, sentinelFile } = instance;
  const data = sentinelFile === undefined ? DATA_DEFAULTS : {};
  const directives = { ...data, ...config, ...place, ...PROCESS_DIRECTIVES };
  const mode = sentinelFile === undefined ? [] : [sentinelFile, "--sentinel"];
  return [...mode, ...Object.entries(directives).flatMap(([name, value]) => [`--${name}`, value])];
}
