import { tryToLog, type Logger } from "./logger.ts";

/** For what goes wrong each time if it does once, and costs no task: the first one is said, and quietly. */
export function logOnce(logger: Logger, message: string): (error: unknown) => void {
  let isSaid = false;
  return (error) => {
    if (isSaid) return;
    isSaid = true;
    tryToLog(() => logger.debug({ err: error }, message));
  };
}
