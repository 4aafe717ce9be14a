import { pino, type Logger, type LoggerOptions } from "pino";

export type { Logger } from "pino";

const STDERR = 2;

/** What a library user gets who hands in no logger: warnings and worse, as JSON on stderr. */
export function defaultLogger(): Logger {
  return pino({ name: "delayq", level: "warn" }, pino.destination({ dest: STDERR, sync: true }));
}

/** The logger of a `delayq` process: on stderr, for people on a terminal, JSON elsewhere. */
export async function processLogger(level: string, isTerminal: boolean): Promise<Logger> {
  const options: LoggerOptions = { name: "delayq", level };
  if (!isTerminal) return pino(options, pino.destination({ dest: STDERR, sync: true }));
  // Loaded where it is needed: it would take a tenth of a second from the start of every command.
  const { default: pretty } = await import("pino-pretty");
  return pino(options, pretty({ destination: STDERR, sync: true, ignore: "pid,hostname,name" }));
}
