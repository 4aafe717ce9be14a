/** Every way in which delayq refuses or gives up; stable, for programs to switch on. */
export type DelayqErrorCode =
  | "DELAYQ_INVALID_OPTION"
  | "DELAYQ_INVALID_NAME"
  | "DELAYQ_INVALID_ID"
  | "DELAYQ_INVALID_TIME"
  | "DELAYQ_INVALID_DATA"
  | "DELAYQ_DATA_TOO_LARGE"
  | "DELAYQ_INVALID_LINE"
  | "DELAYQ_INVALID_HANDLER"
  | "DELAYQ_SHARDS_MISMATCH"
  | "DELAYQ_NO_QUEUE"
  | "DELAYQ_QUEUE_BUSY"
  | "DELAYQ_NEWER_FORMAT"
  | "DELAYQ_BROKEN_RECORD"
  | "DELAYQ_TOO_MANY_PROFILES"
  | "DELAYQ_OVERLOADED"
  | "DELAYQ_BULK_INCOMPLETE"
  | "DELAYQ_UNKNOWN_OUTCOME"
  | "DELAYQ_NOT_CONFIRMED"
  | "DELAYQ_CLOSED"
  | "DELAYQ_REDIS_FULL"
  | "DELAYQ_REDIS_UNAVAILABLE"
  | "DELAYQ_REDIS_REFUSED"
  | "DELAYQ_REDIS_UNSUPPORTED"
  | "DELAYQ_NO_REDIS"
  | "DELAYQ_REDIS_START_FAILED";

/** The base of all errors that delayq throws: a stable `code`, and a message that says what was expected, what came and what to do. */
export class DelayqError extends Error {
  override readonly name: string = "DelayqError";
  readonly code: DelayqErrorCode;

  constructor(code: DelayqErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * The connection was lost while changes were under way and did not return in time: each of these ids may or may not have
 * been changed. Repeating the same operation with the same ids is safe.
 */
export class UnknownOutcomeError extends DelayqError {
  override readonly name = "UnknownOutcomeError";
  readonly ids: readonly string[];

  constructor(message: string, ids: readonly string[], options?: ErrorOptions) {
    super("DELAYQ_UNKNOWN_OUTCOME", message, options);
    this.ids = ids;
  }
}

/**
 * Changes were made, but fewer replicas than asked for had them in time: a failover may lose them. `ids` are those that they
 * were about, none for a change of the queue as a whole. Repeating the same operation with the same ids is safe, and is
 * answered once replicas have what it finds.
 */
export class NotConfirmedError extends DelayqError {
  override readonly name = "NotConfirmedError";
  readonly ids: readonly string[];

  constructor(message: string, ids: readonly string[] = [], options?: ErrorOptions) {
    super("DELAYQ_NOT_CONFIRMED", message, options);
    this.ids = ids;
  }
}

/** What became of an `addBulk` that did not go through whole: every id stands in exactly one of the three lists. */
export class BulkIncompleteError extends DelayqError {
  override readonly name = "BulkIncompleteError";
  readonly added: readonly string[];
  readonly refused: readonly string[];
  readonly unknown: readonly string[];

  constructor(outcome: { added: string[]; refused: string[]; unknown: string[] }, cause: unknown) {
    const { added, refused, unknown } = outcome;
    super(
      "DELAYQ_BULK_INCOMPLETE",
      `Expected all ${added.length + refused.length + unknown.length} tasks to be added: ${added.length} were, ` +
        `${refused.length} were refused, of ${unknown.length} it is not known. ` +
        `Adding the refused and unknown ones again with the same ids is safe.`,
      { cause },
    );
    this.added = added;
    this.refused = refused;
    this.unknown = unknown;
  }
}

/** Thrown by a handler: trying again would not help, so the task is buried at once, whatever attempts are left. */
export class UnrecoverableError extends Error {
  override readonly name = "UnrecoverableError";
}

/** Thrown by a handler: not now, try again after `delayMs`; uses no attempt. */
export class RetryLater extends Error {
  override readonly name = "RetryLater";
  readonly delayMs: number;

  /** @param delayMs milliseconds from now by the Redis clock; what is negative or no number counts as 0 */
  constructor(delayMs: number, message = `to be tried again in ${delayMs} ms`) {
    super(message);
    this.delayMs = delayMs;
  }
}
