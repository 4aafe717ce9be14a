import { pino, type Logger } from "pino";
import { traceFields } from "../telemetry/log-fields.ts";
import { ERROR_SERIALIZERS, errorFields } from "./error-fields.ts";

export type { Logger } from "pino";

const STDERR = 2;

/** Where payloads and results stand in a line, if whoever writes it is not careful: `log.info({ task })`. */
export const PAYLOAD_PATHS: readonly string[] = ["data", "result", "task.data", "task.result"];

/** What a library user gets who hands in no logger: warnings and worse, as JSON on stderr. */
export function defaultLogger({ logPayloads = false }: { logPayloads?: boolean } = {}): Logger {
  return pino(
    {
      name: "delayq",
      level: "warn",
      mixin: traceFields,
      serializers: ERROR_SERIALIZERS,
      redact: logPayloads ? [] : [...PAYLOAD_PATHS],
    },
    pino.destination({ dest: STDERR, sync: true }),
  );
}

let hasWarned = false;

/** A logger of the user's may throw; no task is to be lost or run twice because of that. Node says so, once. */
export function loggerThrew(error: unknown): void {
  if (hasWarned) return;
  hasWarned = true;
  const { type, message } = errorFields(error);
  process.emitWarning(`the logger of delayq threw, and lines are lost: ${type}: ${message}. Give it a pino.`);
}

/** Logs, whatever the logger is like. */
export function tryToLog(write: () => void): void {
  try {
    write();
  } catch (error) {
    loggerThrew(error);
  }
}
