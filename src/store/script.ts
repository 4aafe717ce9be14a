import { DelayqError } from "../core/errors.ts";
import { composeLua, type LuaSource } from "./lua.ts";

/**
 * A Lua transition with its types: the keys, arguments and replies that its header declares, in the header's order. A test
 * holds headers, bodies and these definitions against each other.
 */
export type Field = string | number | Buffer | null | readonly Field[];
type Decoder = (fields: readonly Field[]) => object;
export type Arg = string | number;

export interface ScriptDefinition {
  readonly name: string;
  readonly keys: readonly string[];
  readonly args: readonly string[];
  /** What one item of the variable part holds; empty where there is none. */
  readonly items: readonly string[];
  /** Whether replies come as Buffers, for scripts that return records. */
  readonly isBinary?: boolean;
  readonly replies: Readonly<Record<string, Decoder>>;
}

/** A decoded reply: its word and the fields that its decoder made. */
export type ReplyOf<D extends ScriptDefinition> = {
  [W in keyof D["replies"] & string]: { readonly word: W } & ReturnType<D["replies"][W]>;
}[keyof D["replies"] & string];

export type ArgsOf<D extends ScriptDefinition> = { readonly [K in D["args"][number]]: Arg };

export interface Script<D extends ScriptDefinition = ScriptDefinition> {
  readonly definition: D;
  readonly source: LuaSource;
  decode(reply: unknown): ReplyOf<D>;
}

export function defineScript<const D extends ScriptDefinition>(definition: D): Script<D> {
  let source: LuaSource | undefined;
  return {
    definition,
    get source() {
      return (source ??= composeLua(definition.name));
    },
    decode(reply) {
      const [word, ...fields] = Array.isArray(reply) ? (reply as Field[]) : [];
      const decoder = definition.replies[String(word)];
      if (decoder === undefined) {
        const expected = Object.keys(definition.replies).join(" or ");
        throw new DelayqError(
          "DELAYQ_NEWER_FORMAT",
          `Expected the script ${definition.name} to reply ${expected}, got ${String(word)}.`,
        );
      }
      return { word: String(word), ...decoder(fields) } as ReplyOf<D>;
    },
  };
}
