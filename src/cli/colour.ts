import { isatty } from "node:tty";
import picocolors from "picocolors";

const { NO_COLOR, TERM } = process.env;

/** Colours for stdout: only on a terminal, and not where NO_COLOR is set or the terminal is a dumb one. */
export const colour = picocolors.createColors(isatty(1) && !NO_COLOR && TERM !== "dumb");
