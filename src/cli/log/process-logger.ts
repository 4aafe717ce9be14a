import { pino, type DestinationStream, type Logger } from "pino";
import { ERROR_SERIALIZERS } from "../../runtime/error-fields.ts";
import { PAYLOAD_PATHS } from "../../runtime/logger.ts";
import { printableJson } from "../output.ts";
import { harmless } from "./harmless.ts";

export const LOG_FORMATS = ["pretty", "json", "ecs"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export interface ProcessLoggerOptions {
  readonly level: string;
  readonly format: LogFormat;
  /** Whether payloads are shown where a line holds them. */
  readonly showsPayloads: boolean;
  /** What each line says beside its own fields, asked anew for each. */
  readonly mixin?: () => object;
}

const STDERR = 2;

/**
 * The logger of a `delayq` process, on stderr: for people, for machines, or in Elastic's words. What a format needs is loaded
 * with it: it would take a tenth of a second from the start of every command.
 */
export async function processLogger(options: ProcessLoggerOptions): Promise<Logger> {
  const { level, format, showsPayloads, mixin } = options;
  const redact = showsPayloads ? [] : [...PAYLOAD_PATHS];
  const common = { name: "delayq", level, redact, serializers: ERROR_SERIALIZERS, ...(mixin && { mixin }) };
  switch (format) {
    case "json":
      return pino(common, toStderr());
    case "ecs": {
      const { ecsLogger } = await import("./ecs-logger.ts");
      return ecsLogger(common, toStderr());
    }
    case "pretty":
      return pino(common, await prettyStream());
  }
}

/** These lines may come to a terminal, too. */
function toStderr(): DestinationStream {
  const stream = pino.destination({ dest: STDERR, sync: true });
  return { write: (line) => void stream.write(printableJson(line)) };
}

async function prettyStream(): Promise<DestinationStream> {
  const { default: pretty } = await import("pino-pretty");
  const stream = pretty({ destination: STDERR, sync: true, ignore: "pid,hostname,name" });
  return { write: (line) => void stream.write(harmless(line)) };
}
