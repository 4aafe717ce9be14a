import { readFileSync } from "node:fs";
import { keysTwice, leaves } from "./json-keys.ts";

interface Schema {
  readonly ecs: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly allowed: Readonly<Record<string, readonly unknown[]>>;
  readonly required: readonly string[];
}

/** The fields of the schema that delayq uses, with their types, as the reference of that version names them. */
const schema = JSON.parse(readFileSync(new URL("ecs-fields.json", import.meta.url), "utf8")) as Schema;

const CHECKS: Readonly<Record<string, (value: unknown) => boolean>> = {
  date: (value) => typeof value === "string" && new Date(value).toISOString() === value,
  keyword: (value) => typeof value === "string",
  match_only_text: (value) => typeof value === "string",
  wildcard: (value) => typeof value === "string",
  long: (value) => Number.isSafeInteger(value),
};

/** What is not as the schema has it in a line of a log; nothing, if all is well. All that is ours stands under `delayq`. */
export function ecsFaults(line: string): string[] {
  const fields = leaves(JSON.parse(line)).filter(([path]) => !path.startsWith("delayq."));
  const paths = fields.map(([path]) => path);
  return [
    ...keysTwice(line).map((key) => `${key} stands twice`),
    ...paths.filter((path, i) => paths.indexOf(path) < i).map((path) => `${path} stands in two forms`),
    ...schema.required.filter((path) => !paths.includes(path)).map((path) => `${path} is missing`),
    ...fields.flatMap(([path, value]) => faultsOf(path, value)),
  ];
}

function faultsOf(path: string, value: unknown): string[] {
  const type = schema.fields[path];
  if (type === undefined) return [`${path} is not in the schema`];
  const shown = JSON.stringify(value);
  if (CHECKS[type]?.(value) !== true) return [`${path} is not of type ${type}: ${shown}`];
  if (path === "ecs.version" && value !== schema.ecs)
    return [`it is another version of the schema: ${shown}`];
  return schema.allowed[path]?.includes(value) === false ? [`${path} may not be ${shown}`] : [];
}
