import picocolors from "picocolors";

/** Undefined where it is no terminal; picocolors would then decide by itself, by CI among others. */
const { isTTY }: { isTTY?: boolean } = process.stdout;
const { NO_COLOR, TERM } = process.env;

/** Colours for stdout: only on a terminal, and not where NO_COLOR is set or the terminal is a dumb one. */
export const colour = picocolors.createColors(isTTY === true && !NO_COLOR && TERM !== "dumb");
