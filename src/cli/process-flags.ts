import { Option, type Command } from "commander";
import { processLogger, type Logger } from "../runtime/logger.ts";

/** What every long-running command is given. */
export interface ProcessFlags {
  readonly logLevel: string;
  readonly json?: true;
}

const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

export function withProcessFlags(command: Command): Command {
  return command
    .addOption(new Option("--log-level <level>", "what is logged").choices(LEVELS).default("info"))
    .option("--json", "log JSON on a terminal too, one object a line on stderr, as it does elsewhere");
}

/** Logs for people on a terminal, as JSON elsewhere. */
export async function loggerOf({ logLevel, json }: ProcessFlags): Promise<Logger> {
  return await processLogger(logLevel, process.stderr.isTTY && json === undefined);
}
