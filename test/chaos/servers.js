import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";

/** What the starters of src/dev steer servers with. */
export function openClient({ port, password }) {
  const client = new Redis({
    port,
    host: "127.0.0.1",
    ...(password !== undefined && { password }),
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  client.on("error", () => {}); // each call says so itself
  return client;
}

/** The last lines of each server, beside the logs of the processes. */
export function keepLogs(nodes, folder) {
  for (const { name, logTail } of nodes)
    writeFileSync(join(folder, `${name}.log.txt`), `${logTail.join("\n")}\n`);
}
