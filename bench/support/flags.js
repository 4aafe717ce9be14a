import { parseArgs } from "node:util";
import { FULL, QUICK } from "./scale.js";

/** Reads the command line; what is wrong with it is one line, and exit code 2. */
export function readFlags(options) {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return refuse(error.message.replaceAll("\n", " "));
  }
}

/** Which rows to run, how much of each, and where the results go. */
export const RUN_FLAGS = {
  only: { type: "string" },
  quick: { type: "boolean", default: false },
  json: { type: "string" },
};

export function runOf({ only, quick, json }, all) {
  const names = chosen(
    "only",
    only,
    all.map(({ name }) => name),
  );
  const rows = all.filter(({ name }) => names.includes(name));
  return { rows, scale: quick ? QUICK : FULL, settings: { quick }, json };
}

/** @returns the names of `all` that were asked for, all of them if none was */
export function chosen(flag, given, all) {
  if (given === undefined) return all;
  return given.split(",").map((name) => {
    if (all.includes(name)) return name;
    return refuse(`Expected --${flag} to name some of ${all.join(", ")}; got ${name || "nothing"}.`);
  });
}

/** @returns the positive whole numbers of a list such as 1,16,64 */
export function numbers(flag, given) {
  return given.split(",").map((text) => {
    const number = Number(text);
    if (Number.isSafeInteger(number) && number > 0) return number;
    return refuse(`Expected --${flag} to be positive whole numbers, got ${given || "nothing"}.`);
  });
}

export function number(flag, given) {
  return numbers(flag, given.includes(",") ? "" : given)[0];
}

export function refuse(line) {
  console.error(line);
  process.exit(2);
}
