import { DelayqError } from "../core/errors.ts";
import type { Logger } from "../runtime/logger.ts";

/** While Redis is away every loop fails; the connection has said so once, so here it is only said quietly. */
export function logFailure(logger: Logger): (error: unknown) => void {
  return (error) => {
    const isAway =
      error instanceof DelayqError &&
      (error.code === "DELAYQ_REDIS_UNAVAILABLE" || error.code === "DELAYQ_UNKNOWN_OUTCOME");
    logger[isAway ? "debug" : "error"]({ err: error }, "will try again");
  };
}
