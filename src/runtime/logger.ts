import { pino, type Logger } from "pino";
import { traceFields } from "../telemetry/log-fields.ts";

export type { Logger } from "pino";

const STDERR = 2;

/** Where payloads and results stand in a line, if whoever writes it is not careful: `log.info({ task })`. */
export const PAYLOAD_PATHS: readonly string[] = ["data", "result", "task.data", "task.result"];

/** What a library user gets who hands in no logger: warnings and worse, as JSON on stderr. */
export function defaultLogger({ logPayloads = false }: { logPayloads?: boolean } = {}): Logger {
  return pino(
    { name: "delayq", level: "warn", mixin: traceFields, redact: logPayloads ? [] : [...PAYLOAD_PATHS] },
    pino.destination({ dest: STDERR, sync: true }),
  );
}
