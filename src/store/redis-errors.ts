import { DelayqError } from "../core/errors.ts";

/** What an error of a call means for the caller. */
export type ErrorKind =
  /** The script is not cached there: send its text. */
  | "noscript"
  /** Redis will answer otherwise soon: nothing was done, try again. */
  | "transient"
  /** As transient, but this connection leads to a replica: open another. */
  | "readonly"
  /** The connection went; whether the call was executed is not known. */
  | "lost"
  /** Redis refused, and will again. */
  | "refused";

const TRANSIENT = new Set([
  "LOADING",
  "MASTERDOWN",
  "CLUSTERDOWN",
  "TRYAGAIN",
  "BUSY",
  "NOREPLICAS",
  "MISCONF",
]);

/** How the client tells that it has followed so many redirections in vain; then the last answer counts. */
const REDIRECTED = /^Too many Cluster redirections\. Last error: ReplyError: (\S+)/;
const REDIRECTIONS = new Set(["MOVED", "ASK", ...TRANSIENT]);

/** A call that did not leave, or reached a server that does not serve it: nothing was done, and it may be sent again. */
export class NotDoneError extends Error {
  override readonly name = "NotDoneError";
}

export function kindOf(error: unknown): ErrorKind {
  if (error instanceof NotDoneError) return "transient";
  if (!(error instanceof Error)) return "lost";
  const redirected = REDIRECTED.exec(error.message)?.[1];
  if (redirected !== undefined && REDIRECTIONS.has(redirected)) return "transient";
  if (error.name !== "ReplyError") return "lost";
  const word = error.message.split(" ", 1)[0] ?? "";
  if (word === "NOSCRIPT") return "noscript";
  if (word === "READONLY") return "readonly";
  return TRANSIENT.has(word) ? "transient" : "refused";
}

/** A refusal as delayq reports it. */
export function refusal(error: unknown): DelayqError {
  const message = error instanceof Error ? error.message : String(error);
  if (message.startsWith("OOM")) {
    return new DelayqError(
      "DELAYQ_REDIS_FULL",
      "Redis has reached its maxmemory, so nothing was added or changed. Running and cancelling tasks still works; free memory or raise maxmemory.",
      { cause: error },
    );
  }
  if (message.startsWith("MOVED ")) {
    return new DelayqError(
      "DELAYQ_REDIS_REFUSED",
      "Expected a Redis of its own, got a node of a Cluster. Give a Cluster as `connection`, or --cluster or DELAYQ_REDIS_CLUSTER.",
      { cause: error },
    );
  }
  return new DelayqError("DELAYQ_REDIS_REFUSED", `Redis refused the call: ${message}`, { cause: error });
}

/** Of a call that was repeated until its time was over. @param isDoubtful whether one of its tries may have been done */
export function gaveUp(name: string, isDoubtful: boolean, cause: unknown): DelayqError {
  const options = { cause };
  const because = cause instanceof Error ? `: ${cause.message}` : "";
  return isDoubtful
    ? new DelayqError(
        "DELAYQ_UNKNOWN_OUTCOME",
        `Redis did not answer ${name} in time${because}. It may have been done or not; repeating it is safe.`,
        options,
      )
    : new DelayqError(
        "DELAYQ_REDIS_UNAVAILABLE",
        `Redis could not be reached in time for ${name}${because}. Nothing was changed.`,
        options,
      );
}

/** The error behind an error: that no node of a Cluster could be asked says less than why the last one could not. */
export function reasonOf(error: unknown): unknown {
  if (!(error instanceof Error) || !("lastNodeError" in error)) return error;
  const reason = error.lastNodeError;
  if (reason instanceof Error && reason.message !== "Connection is closed.") return reason;
  return new Error("none of the nodes could be reached", { cause: error });
}

/**
 * Takes the command off an error of ioredis: its arguments are passwords (AUTH, HELLO) and payloads, and
 * whoever logs the error would log them.
 */
export function withoutCommand(error: unknown): unknown {
  if (error instanceof Error && "command" in error) delete error.command;
  return error;
}
