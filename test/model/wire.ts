import { isDeepStrictEqual } from "node:util";
import { within } from "../../src/store/queue-store.ts";
import type { CallOptions, Connection, KeySource } from "../../src/store/connection.ts";
import type { Arg, Script } from "../../src/store/script.ts";
import type { Keyspace } from "../support/keyspace.ts";
import { same } from "./same.ts";

/**
 * Every script call of the process passes here, one after the other. Sends calls twice when it is told to, as a store does
 * whose connection went before the answer came: the second must answer as the first did and change nothing. Keeps the
 * calls, so that one can be sent again much later.
 */
export interface Call {
  readonly script: Script;
  readonly keys: KeySource;
  readonly args: Readonly<Record<string, Arg>>;
  readonly items: readonly Arg[];
}

export interface Answered extends Call {
  readonly reply: Reply;
  readonly atMs: number;
}

export type Reply = { readonly word: string } & Readonly<Record<string, unknown>>;

/** Remembered by call id (a claim by its number), so these may be repeated as long as the shard remembers. */
const REMEMBERED = new Set(["ADDED", "SETTLED", "OUTCOMES", "RESTORED", "CLAIMED", "EMPTY", "PAUSED"]);
/** Makes one more generation each time, of the same content. */
const NOT_REPEATED = new Set(["set-paused"]);
/** A tick reaps only so many when records are large, so the next one would find more. */
const REAPED_MAX = 8;

type Send = (call: Call) => Promise<Reply>;

export class Wire {
  readonly tape: Answered[] = [];
  isTwice = false;
  /** What went wrong in a repetition; those who called do not hear of it. */
  failure: unknown;
  readonly #keyspace: Keyspace;
  readonly #onAnswer: (answered: Answered) => void;
  readonly #send: Send;
  #last: Promise<unknown> = Promise.resolve();

  constructor(keyspace: Keyspace, onAnswer: (answered: Answered) => void) {
    this.#keyspace = keyspace;
    this.#onAnswer = onAnswer;
    const { connection } = keyspace;
    const send = connection.call.bind(connection) as unknown as (
      script: Script,
      keys: KeySource,
      args: Readonly<Record<string, Arg>>,
      items: readonly Arg[],
      options: CallOptions,
    ) => Promise<Reply>;
    this.#send = async ({ script, keys, args, items }) => await send(script, keys, args, items, within());
    const call = async (
      script: Script,
      keys: KeySource,
      args: Readonly<Record<string, Arg>>,
      items: readonly Arg[],
      _options: CallOptions,
    ): Promise<Reply> => await this.#inTurn({ script, keys, args, items });
    Object.defineProperty(connection, "call", { value: call, configurable: true });
  }

  close(): void {
    delete (this.#keyspace.connection as Partial<Pick<Connection, "call">>).call;
  }

  /** Sends a call of the past again. */
  async resend(call: Answered, expected: unknown): Promise<void> {
    const args = { ...call.args, nowMs: this.#keyspace.nowMs };
    await this.#expectNothingNew({ ...call, args }, expected, "sent again later");
  }

  async #inTurn(call: Call): Promise<Reply> {
    const turn = this.#last.then(async () => await this.#answer(call));
    this.#last = turn.catch(() => {}); // the caller is told
    return await turn;
  }

  async #answer(call: Call): Promise<Reply> {
    const reply = await this.#send(call);
    const answered = { ...call, reply, atMs: this.#keyspace.nowMs };
    if (REMEMBERED.has(reply.word)) this.tape.push(answered);
    this.#onAnswer(answered);
    if (this.isTwice && !isReading(call) && !NOT_REPEATED.has(call.script.definition.name) && !isCut(reply)) {
      try {
        await this.#expectNothingNew(call, again(answered), "sent twice");
      } catch (error) {
        this.failure ??= error;
      }
    }
    return reply;
  }

  async #expectNothingNew(call: Call, expected: unknown, how: string): Promise<void> {
    const before = await this.#keyspace.snapshot();
    const reply = await this.#send(call);
    const { name } = call.script.definition;
    same(`the answer of ${name} ${how}`, inAnyOrder(reply), inAnyOrder(expected));
    const after = await this.#keyspace.snapshot();
    if (!isDeepStrictEqual(after, before)) same(`the keyspace after ${name} ${how}`, after, before);
  }
}

/** A claim that is repeated gives its batch in the order of the ids. */
function inAnyOrder(reply: unknown): unknown {
  const { claimed } = reply as { claimed?: { id: string }[] };
  return claimed === undefined
    ? reply
    : { ...(reply as object), claimed: claimed.toSorted((a, b) => (a.id < b.id ? -1 : 1)) };
}

const isReading = ({ script }: Call): boolean => script.source.text.startsWith("#!lua flags=no-writes");

const isCut = ({ word, recovered, buried }: Reply): boolean =>
  word === "TICKED" && Number(recovered) + Number(buried) >= REAPED_MAX;

/** What a call answers when it is sent a second time at once. */
export function again({ reply, args, atMs }: Answered): unknown {
  switch (reply.word) {
    case "TICKED":
      return { ...reply, recovered: 0, buried: 0, moved: 0, recoveredIds: [], buriedIds: [] };
    case "TAKEN":
      return { word: "HELD", epoch: reply["epoch"], owner: args["scheduler"] };
    case "CLAIMED":
      return { ...reply, isMore: true };
    case "EMPTY":
    case "PAUSED":
      return { word: "CLAIMED", nowMs: atMs, fence: "0", isMore: true, claimed: [] };
    default:
      return reply;
  }
}
