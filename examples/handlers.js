/*
 * Handlers for `delayq worker`, one for each task name. To try them:
 *
 *   delayq worker --queue emails --handler examples/handlers.js
 *   delayq add emails welcome '{"userId":7}' --in 5s
 */
import { setTimeout as sleep } from "node:timers/promises";

export async function welcome({ data }, { signal, log }) {
  await sleep(100, undefined, { signal }); // where a real one would send a mail, and stop when it is told to
  log.info({ userId: data.userId }, "welcomed");
}

export function digest({ data }, { log }) {
  if (data === null) throw new Error("a digest needs its week");
  log.info({ week: data.week }, "sent the digest");
}
