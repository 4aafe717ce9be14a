import { Option, type Command } from "commander";
import { TASK_LOG_LEVELS, type TaskLogLevel } from "../core/options.ts";
import type { Logger } from "../runtime/logger.ts";
import { traceFields } from "../telemetry/log-fields.ts";
import { LOG_FORMATS, processLogger, type LogFormat } from "./log/process-logger.ts";

/** What every long-running command is given. */
export interface ProcessFlags {
  readonly logLevel: string;
  readonly logFormat?: LogFormat;
  readonly json?: true;
}

/** What those are given, too, that do something to tasks. */
export interface TaskLogFlags {
  readonly taskLogLevel: TaskLogLevel;
}

export function withProcessFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--log-level <level>", "what is logged")
        .choices(TASK_LOG_LEVELS)
        .env("DELAYQ_LOG_LEVEL")
        .default("info"),
    )
    .addOption(
      new Option(
        "--log-format <format>",
        "for people, as JSON, or in the Elastic Common Schema; default: pretty on a terminal, else json",
      )
        .choices(LOG_FORMATS)
        .env("DELAYQ_LOG_FORMAT"),
    )
    .option("--json", "log JSON on a terminal too, one object a line on stderr, as it does elsewhere")
    .hook("preAction", (command) => {
      // As a flag it wins over the environment; who names the format by a flag, too, means that.
      if (command.getOptionValue("json") === true && command.getOptionValueSource("logFormat") !== "cli")
        command.setOptionValueWithSource("logFormat", "json", "implied");
    });
}

export function withTaskLogFlags(command: Command): Command {
  return command.addOption(
    new Option("--task-log-level <level>", "at which level the steps of tasks are logged")
      .choices(TASK_LOG_LEVELS)
      .env("DELAYQ_TASK_LOG_LEVEL")
      .default("debug"),
  );
}

/** @param showsPayloads whether payloads stay where a line holds them */
export async function loggerOf(
  { logLevel, logFormat }: ProcessFlags,
  showsPayloads = false,
): Promise<Logger> {
  const format = logFormat ?? (process.stderr.isTTY ? "pretty" : "json");
  return await processLogger({ level: logLevel, format, showsPayloads, mixin: traceFields });
}
