import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { DelayqError } from "../core/errors.ts";
import type { AnyTasks } from "../core/task.ts";
import type { Handlers } from "../worker/handler.ts";
import { handlerFinder } from "../worker/handler.ts";
import { CliError, EXIT } from "./exit.ts";

/**
 * Imports a module of handlers: a default function for all tasks, a default object of functions by task name, or one
 * named export per task name. What a CommonJS module exports counts as its default.
 *
 * @param file relative to the working directory
 * @throws CliError; DelayqError `DELAYQ_INVALID_HANDLER`
 */
export async function loadHandlers(file: string): Promise<Handlers<AnyTasks>> {
  const path = resolve(file);
  if (!existsSync(path)) throw new CliError(EXIT.failed, `there is no handler file ${path}`);
  const handlers = handlersIn(await importModule(file, path));
  if (handlers === undefined) {
    throw new DelayqError(
      "DELAYQ_INVALID_HANDLER",
      `Expected ${file} to export a default function, a default object of functions by task name, or functions under task names, got none of them.`,
    );
  }
  handlerFinder(handlers);
  return handlers as Handlers<AnyTasks>;
}

async function importModule(file: string, path: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (error) {
    throw new CliError(EXIT.failed, `the handler file ${file} cannot be loaded: ${describe(error)}`, {
      cause: error,
    });
  }
}

function handlersIn(module: Record<string, unknown>): unknown {
  const main = defaultOf(module);
  if (typeof main === "function" || (isObject(main) && Object.keys(main).length > 0)) return main;
  const named = Object.entries(module).filter(([, value]) => typeof value === "function");
  return named.length > 0 ? Object.fromEntries(named) : undefined;
}

/** ES modules that were compiled to CommonJS hide their default one level deeper. */
function defaultOf(module: Record<string, unknown>): unknown {
  const main = module["default"];
  if (!isObject(main) || main["__esModule"] !== true) return main;
  if (main["default"] !== undefined) return main["default"];
  return Object.fromEntries(Object.entries(main).filter(([, value]) => typeof value === "function"));
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

/** One line; where it happened is the first place in the stack, or what a syntax error's stack begins with. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [head = "", ...frames] = (error.stack ?? "").split("\n");
  const frame = frames.find((line) => line.includes("file://") || line.includes("(/"))?.trim();
  const place = /^(?:file:\/\/|\/).+:\d+$/.test(head) ? `at ${head}` : frame;
  const hint =
    "code" in error && error.code === "ERR_UNKNOWN_FILE_EXTENSION"
      ? " This Node does not read TypeScript: compile the file, or run delayq with a newer Node."
      : "";
  const text = `${error.name}: ${error.message.split("\n", 1)[0]}`;
  if (hint !== "") return `${text}.${hint}`;
  return place === undefined ? text : `${text} (${place})`;
}
