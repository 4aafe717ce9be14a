import picocolors from "picocolors";

/** Colours for stdout: only on a terminal, and not where NO_COLOR is set or the terminal is a dumb one. */
const { NO_COLOR, TERM } = process.env;
export const colour = picocolors.createColors(process.stdout.isTTY && !NO_COLOR && TERM !== "dumb");
