import { findExecutable } from "./find-executable.ts";
import type { LocateContext, RedisServerCommand } from "./redis-server-command.ts";
import { runCommand } from "./run-command.ts";

export const DOCKER_IMAGE = "redis:7";

const INFO_TIMEOUT_MS = 4000;
const PULL_TIMEOUT_MS = 300_000;

/**
 * Docker, if its daemon answers and the image is here or can be pulled.
 *
 * The command being there says nothing about the daemon, and a daemon that hangs must not hang us.
 */
export async function locateWithDocker(context: LocateContext): Promise<RedisServerCommand | undefined> {
  const { env, onProgress } = context;
  const command = await findExecutable("docker", env);
  if (command === undefined) return undefined;
  const docker = (args: string[], timeoutMs: number) => runCommand(command, args, { env, timeoutMs });

  const info = await docker(["info", "--format", "{{.ServerVersion}}"], INFO_TIMEOUT_MS);
  // Some versions of the client end with code 0 and an empty answer when there is no daemon.
  if (!info.isOk || !/^\d/.test(info.stdout)) {
    onProgress("skipping docker: its daemon does not answer");
    return undefined;
  }

  const image = await docker(["image", "inspect", DOCKER_IMAGE], INFO_TIMEOUT_MS);
  if (!image.isOk) {
    onProgress(`pulling the docker image ${DOCKER_IMAGE}`);
    const pull = await docker(["pull", DOCKER_IMAGE], PULL_TIMEOUT_MS);
    if (!pull.isOk) {
      onProgress(`skipping docker: ${DOCKER_IMAGE} cannot be pulled: ${pull.stderr.trim()}`);
      return undefined;
    }
  }
  return { source: "docker", version: undefined, command, args: ["run", "--rm"], env };
}
