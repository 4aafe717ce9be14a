import { Command } from "ioredis";
import type { Arg } from "./script.ts";

/**
 * Script calls as they go over the wire (RESP: redis.io/docs/latest/develop/reference/protocol-spec).
 *
 * The client's own commands flatten and write one argument after the other. Ours have hundreds, of which the keys are always
 * the same, and large batches are made long before they are sent: both are written once, here. Of what is written the line
 * end behind each argument stands before the next.
 */
const LINE_END = "\r\n";
const LINE_END_BYTES = Buffer.from(LINE_END);
const LENGTH_LINES = Array.from({ length: 1024 }, (_, length) => `\r\n$${length}\r\n`);
const lengthLine = (length: number): string => LENGTH_LINES[length] ?? `\r\n$${length}\r\n`;

function written(args: readonly Arg[]): string {
  let text = "";
  for (const arg of args) {
    const plain = typeof arg === "string" ? arg : String(arg);
    text += lengthLine(Buffer.byteLength(plain));
    text += plain;
  }
  return text;
}

/** Arguments that may wait for long: written as they come, and once sealed kept outside of the garbage collector's reach. */
export class EncodedArgs {
  #count = 0;
  #text = "";
  #bytes: Buffer | undefined;

  get count(): number {
    return this.#count;
  }

  add(...args: readonly Arg[]): void {
    this.#count += args.length;
    this.#text += written(args);
  }

  /** Nothing more is added. */
  seal(): void {
    this.#bytes = Buffer.from(this.#text);
    this.#text = "";
  }

  get bytes(): Buffer {
    return this.#bytes ?? Buffer.from(this.#text);
  }
}

/** How calls of a script on one shard begin, always alike: by which name, the script's hash or text, and its keys. */
export class ScriptHead {
  readonly name: "evalsha" | "eval";
  readonly args: string[];
  readonly text: string;
  /** Tells the node of a Cluster; all keys are on it. */
  readonly firstKey: string;

  constructor(name: "evalsha" | "eval", script: string, keys: readonly string[]) {
    this.name = name;
    this.firstKey = keys[0] ?? "";
    this.args = [script, String(keys.length), ...keys];
    this.text = lengthLine(name.length) + name + written(this.args);
  }
}

/** One try to have a call answered. */
export interface Try {
  /** Nobody waits for its answer any more. */
  isOver: boolean;
  /** It may have reached Redis. */
  isWritten: boolean;
}

/** Of a call that was given up while it waited for its node: it must not be done when nobody expects it any more. */
const NOTHING = "*1\r\n$4\r\nPING\r\n";

/** The client learns of the keys, for the way to the right node of a Cluster, and sends what is written. */
export class ScriptCommand extends Command {
  readonly #head: ScriptHead;
  readonly #args: readonly Arg[];
  readonly #items: readonly Arg[] | EncodedArgs;
  readonly #try: Try;

  constructor(
    head: ScriptHead,
    args: readonly Arg[],
    items: readonly Arg[] | EncodedArgs,
    isBinary: boolean,
    oneTry: Try,
  ) {
    super(head.name, [], { replyEncoding: isBinary ? null : "utf8" });
    this.args = head.args;
    this.#head = head;
    this.#args = args;
    this.#items = items;
    this.#try = oneTry;
  }

  override toWritable(): string | Buffer {
    if (this.#try.isOver) return NOTHING;
    this.#try.isWritten = true;
    const items = this.#items;
    const itemCount = items instanceof EncodedArgs ? items.count : items.length;
    const count = 1 + this.#head.args.length + this.#args.length + itemCount;
    const text = `*${count}${this.#head.text}${written(this.#args)}`;
    if (items instanceof EncodedArgs) return Buffer.concat([Buffer.from(text), items.bytes, LINE_END_BYTES]);
    return text + written(items) + LINE_END;
  }
}
