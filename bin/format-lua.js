/*
 * Formats lua/ in place; with --check it writes nothing, names the files that are not formatted, and ends with code 1.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  Config,
  formatCode,
  IndentType,
  LineEndings,
  LuaVersion,
  OutputVerification,
} from "@johnnymorganz/stylua";

const COLUMN_WIDTH = 110;
const INDENT_WIDTH = 2;

const root = fileURLToPath(new URL("..", import.meta.url));
const isCheck = process.argv.includes("--check");

const failures = [];
for (const file of luaFiles()) {
  const path = join(root, file);
  const code = readFileSync(path, "utf8");
  const formatted = format(code, file);
  if (formatted === undefined || formatted === code) continue;
  if (isCheck) fail(`${file} is not formatted: run npm run format`);
  else writeFileSync(path, formatted);
}
process.exitCode = failures.length === 0 ? 0 : 1;

function luaFiles() {
  try {
    const names = readdirSync(join(root, "lua"), { recursive: true });
    return names
      .filter((name) => name.endsWith(".lua"))
      .map((name) => join("lua", name))
      .sort();
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
}

/** `undefined` when the code cannot be parsed, which is reported. */
function format(code, file) {
  try {
    return formatCode(code, config(), null, OutputVerification.Full);
  } catch (error) {
    fail(`${file}: ${String(error)}`);
    return undefined;
  }
}

function config() {
  // formatCode takes the object over, so each call needs one of its own.
  return Object.assign(Config.new(), {
    syntax: LuaVersion.Lua51,
    column_width: COLUMN_WIDTH,
    indent_type: IndentType.Spaces,
    indent_width: INDENT_WIDTH,
    line_endings: LineEndings.Unix,
  });
}

function fail(message) {
  failures.push(message);
  console.error(message);
}
