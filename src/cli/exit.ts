import { constants } from "node:os";
import { DelayqError, type DelayqErrorCode } from "../core/errors.ts";

/** What the exit codes of all commands mean. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** Redis cannot be used, or what was looked at is not well. */
  unhealthy: 3,
  notFound: 4,
  /** A command that destroys something was not told --yes. */
  refused: 5,
  interrupted: 130,
} as const;

/** A command ends early: with a message for its user, or with none where the log has said it already. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: number;

  constructor(exitCode: number, message = "", options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

const EXIT_OF_CODE: Partial<Record<DelayqErrorCode, number>> = {
  DELAYQ_INVALID_OPTION: EXIT.usage,
  DELAYQ_INVALID_NAME: EXIT.usage,
  DELAYQ_INVALID_ID: EXIT.usage,
  DELAYQ_INVALID_TIME: EXIT.usage,
  DELAYQ_INVALID_DATA: EXIT.usage,
  DELAYQ_DATA_TOO_LARGE: EXIT.usage,
  DELAYQ_NO_QUEUE: EXIT.notFound,
  DELAYQ_UNKNOWN_OUTCOME: EXIT.unhealthy,
  DELAYQ_REDIS_FULL: EXIT.unhealthy,
  DELAYQ_REDIS_UNAVAILABLE: EXIT.unhealthy,
  DELAYQ_REDIS_REFUSED: EXIT.unhealthy,
  DELAYQ_REDIS_UNSUPPORTED: EXIT.unhealthy,
  DELAYQ_NO_REDIS: EXIT.unhealthy,
  DELAYQ_REDIS_START_FAILED: EXIT.unhealthy,
};

export function exitCodeOf(error: unknown): number {
  if (error instanceof CliError) return error.exitCode;
  if (error instanceof DelayqError) return EXIT_OF_CODE[error.code] ?? EXIT.failed;
  return EXIT.failed;
}

/** The command was interrupted; `done` says what it did until then. */
export function interrupted(done = "", signal: NodeJS.Signals = "SIGINT"): CliError {
  return new CliError(128 + constants.signals[signal], done === "" ? "interrupted" : `interrupted; ${done}`);
}
