import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { locateRedisServer } from "../../src/dev/locate-redis-server.ts";
import { setupBareEnv } from "./setup.ts";

/*
 * There is no Docker where these tests run, so this stands in for it: it notes how it is called, runs a real server where
 * the container would be, and finds it again by the container's name.
 */
const FAKE_DOCKER = `
echo "$@" >> "$FAKE_FOLDER/calls"
case "$1" in
  info) echo 27.0.3 ;;
  image) [ -e "$FAKE_FOLDER/pulled" ] ;;
  pull) : > "$FAKE_FOLDER/pulled" ;;
  run)
    for argument in "$@"; do
      case "$argument" in
        --name=*) name="\${argument#--name=}" ;;
        --publish=*) port="\${argument#--publish=127.0.0.1:}"; port="\${port%:6379}" ;;
        --volume=*) folder="\${argument#--volume=}"; folder="\${folder%:/data}" ;;
      esac
    done
    while [ "$1" != redis:7 ]; do shift; done
    shift 2
    for argument in "$@"; do
      shift
      [ "$argument" = /data ] && argument="$folder"
      set -- "$@" "$argument"
    done
    echo $$ > "$FAKE_FOLDER/$name"
    exec "$REAL_REDIS" "$@" --bind 127.0.0.1 --port "$port" ;;
  kill) read -r pid < "$FAKE_FOLDER/$4"; kill -s "\${3#SIG}" "$pid" ;;
  rm) read -r pid < "$FAKE_FOLDER/$3"; kill -s KILL "$pid" ;;
esac`;

/** An environment whose only find is a Docker that works, and what it was called with. */
export async function setupFakeDocker() {
  const { env, folder } = await setupBareEnv({ docker: FAKE_DOCKER });
  const real = await locateRedisServer();
  const calls = async () => (await readFile(join(folder, "calls"), "utf8")).trim().split("\n");
  return { env: { ...real.env, ...env, FAKE_FOLDER: folder, REAL_REDIS: real.command }, calls };
}
