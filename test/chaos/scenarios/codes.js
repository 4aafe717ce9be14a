/** What callers may be told where connections suffer. */
export const CUT_OFF = ["DELAYQ_REDIS_UNAVAILABLE", "DELAYQ_UNKNOWN_OUTCOME"];
/** What they may be told where Redis is full. */
export const FULL = ["DELAYQ_REDIS_FULL"];
/** What they may be told where replicas are missing or slow. */
export const NOT_CONFIRMED = ["DELAYQ_NOT_CONFIRMED"];
