import { DelayqError, type DelayqErrorCode } from "../core/errors.ts";

/** What the exit codes of all commands mean. */
export const EXIT = { ok: 0, failed: 1, usage: 2, redis: 3, notFound: 4, interrupted: 130 } as const;

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
  DELAYQ_UNKNOWN_OUTCOME: EXIT.redis,
  DELAYQ_REDIS_FULL: EXIT.redis,
  DELAYQ_REDIS_UNAVAILABLE: EXIT.redis,
  DELAYQ_REDIS_REFUSED: EXIT.redis,
  DELAYQ_REDIS_UNSUPPORTED: EXIT.redis,
  DELAYQ_NO_REDIS: EXIT.redis,
  DELAYQ_REDIS_START_FAILED: EXIT.redis,
};

export function exitCodeOf(error: unknown): number {
  if (error instanceof CliError) return error.exitCode;
  if (error instanceof DelayqError) return EXIT_OF_CODE[error.code] ?? EXIT.failed;
  return EXIT.failed;
}
