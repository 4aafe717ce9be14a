import { setTimeout as sleep } from "node:timers/promises";
import { DelayqError } from "../core/errors.ts";
import type { Confirmation } from "../core/options.ts";
import type { RedisLook } from "../runtime/inside.ts";
import { ScriptInstruments } from "../runtime/instruments.ts";
import { outside } from "../runtime/outside.ts";
import { defaultLogger, type Logger } from "../runtime/logger.ts";
import { ConfirmedCalls } from "./confirmed-calls.ts";
import type { LaneCall } from "./confirmed-lane.ts";
import {
  resolveConnection,
  type Client,
  type ConnectionOption,
  type ResolvedConnection,
} from "./connection-options.ts";
import { nodeOf } from "./node-of.ts";
import { OUT_OF_TIME, before } from "./out-of-time.ts";
import { gaveUp, kindOf, reasonOf, refusal, withoutCommand } from "./redis-errors.ts";
import type { Arg, ArgsOf, ReplyOf, Script, ScriptDefinition } from "./script.ts";
import { StalledCalls } from "./stalled-calls.ts";
import { Subscriber } from "./subscriber.ts";
import { ScriptCommand, ScriptHead, type EncodedArgs, type Try } from "./wire.ts";

/**
 * The way to one Redis: one connection for calls, one for hints and one for calls that replicas confirm, shared by all
 * queues, workers and schedulers of the process that name the same Redis.
 *
 * A call is repeated until it is answered, refused or out of time. It may be executed twice, so every script is made to be
 * sent twice. Out of time means: unavailable, if it was never sent; else unknown.
 */
export interface CallOptions {
  /** When to give up, on the clock of `performance.now()`; Infinity waits for ever. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
  /** The replicas that must have what the call finds or does before it is answered. */
  readonly confirmation?: Confirmation | undefined;
  /** Called before each try is sent; not while there is no connection to send it on. */
  readonly onSend?: () => void;
}

/** Keys as a script wants them: each of its declared keys is one key, or one a level. */
export type KeySource = Readonly<Record<string, unknown>>;

const RETRY_MS = 50;
const REVIVE_MS = 200;
const NODE_WARNING_MS = 30_000;
const MAJOR_MIN = 7;

const shared = new Map<string | object, Connection>();

export class Connection {
  readonly scripts = new ScriptInstruments();
  readonly #key: string | object;
  readonly #client: Client;
  readonly #openSubscriber: () => Subscriber;
  readonly #stalled: StalledCalls | undefined;
  readonly #heads = new WeakMap<KeySource, Map<string, ScriptHead>>();
  #subscriber: Subscriber | undefined;
  #confirmed: ConfirmedCalls | undefined;
  #holders = 0;
  #isClosed = false;
  #isRefreshing = false;
  #corked: object | undefined;
  #lastError: unknown;
  #answeredMs: number | undefined;
  #version: Promise<void> | undefined;
  /** Whether that was answered, so that calls need not wait for it. */
  #isSupported = false;
  #becomesReady: Promise<void> | undefined;
  #endWait = (): void => {};

  private constructor(resolved: ResolvedConnection, logger: Logger) {
    this.#key = resolved.sharingKey;
    const client = this.#opened(resolved.open("calls"), logger);
    this.#client = client;
    if (client.isCluster) this.#stalled = new StalledCalls(() => this.#suspectNodes());
    this.#openSubscriber = () => new Subscriber(this.#opened(resolved.open("hints"), logger), logger);
  }

  /** Every `acquire` needs its `release`; the last one closes. */
  static acquire(option: ConnectionOption | undefined, logger: Logger = defaultLogger()): Connection {
    const resolved = resolveConnection(option);
    let connection = shared.get(resolved.sharingKey);
    if (connection === undefined) {
      connection = outside(() => new Connection(resolved, logger));
      shared.set(resolved.sharingKey, connection);
    }
    connection.#holders++;
    return connection;
  }

  release(): void {
    if (--this.#holders > 0) return;
    this.#isClosed = true;
    shared.delete(this.#key);
    this.#client.disconnect();
    this.#endWait(); // it will not become ready any more
    this.#subscriber?.close();
    this.#confirmed?.close();
  }

  /** For what is asked of servers, not of keys; see redis-facts.ts. It may not be connected. */
  get client(): Client {
    return this.#client;
  }

  get isCluster(): boolean {
    return this.#client.isCluster;
  }

  /** The node of a Cluster that a call with that key goes to, by name; nothing for another Redis, or if it is not known. */
  nodeOf(key: string): string {
    return nodeOf(this.#client, key);
  }

  get look(): RedisLook {
    const answeredMs = this.#answeredMs;
    return {
      isConnected: this.#client.status === "ready",
      answeredMsAgo: answeredMs === undefined ? undefined : performance.now() - answeredMs,
    };
  }

  get subscriber(): Subscriber {
    return (this.#subscriber ??= outside(this.#openSubscriber));
  }

  /** @throws DelayqError of `DELAYQ_REDIS_*`, or `DELAYQ_UNKNOWN_OUTCOME` */
  async call<D extends ScriptDefinition>(
    script: Script<D>,
    keys: KeySource,
    args: ArgsOf<D>,
    items: readonly Arg[] | EncodedArgs,
    options: CallOptions,
  ): Promise<ReplyOf<D>> {
    const { definition } = script;
    const given = definition.args.map((name) => (args as Record<string, Arg>)[name] ?? "");
    const { confirmation } = options;
    const reply = await this.#repeated(options, definition.name, (oneTry) => {
      const sentMs = this.scripts.times === undefined ? undefined : performance.now();
      const answer =
        confirmation === undefined
          ? this.#evaluate(script, keys, given, items, oneTry)
          : this.#confirm(script, keys, given, items, { ...options, confirmation, oneTry });
      if (sentMs !== undefined) this.#noteTime(definition.name, sentMs, answer);
      return answer;
    });
    this.#answeredMs = performance.now();
    return script.decode(reply);
  }

  /** A plain read; writes are scripts, since Redis refuses plain ones when it is full. */
  async read(
    command: "hgetall" | "hmget" | "hget" | "hlen" | "lrange" | "time" | "zrange",
    args: readonly Arg[],
    options: CallOptions,
  ): Promise<unknown> {
    const reply = await this.#repeated(options, command, () => this.#client.call(command, ...args));
    this.#answeredMs = performance.now();
    return reply;
  }

  /** The client, when it is connected. */
  async ready(options: CallOptions): Promise<Client> {
    return await this.#repeated(options, "connect", async () => await Promise.resolve(this.#client));
  }

  /**
   * What is sent before the event loop goes on leaves in one packet: a write costs as much as ten tasks. Nodes of a Cluster
   * have streams of their own, which ioredis chooses.
   */
  #cork(): void {
    const stream = "stream" in this.#client ? this.#client.stream : undefined;
    if (stream === undefined || stream === this.#corked) return;
    this.#corked = stream;
    stream.cork();
    process.nextTick(() => {
      this.#corked = undefined;
      stream.uncork();
    });
  }

  async #evaluate(
    { source, definition }: Pick<Script, "definition" | "source">,
    keys: KeySource,
    args: readonly Arg[],
    items: readonly Arg[] | EncodedArgs,
    oneTry: Try,
  ): Promise<unknown> {
    const isBinary = definition.isBinary === true;
    try {
      const head = this.#head(definition, source.sha1, keys);
      return await this.#client.sendCommand(new ScriptCommand(head, args, items, isBinary, oneTry));
    } catch (error) {
      if (kindOf(error) !== "noscript") throw error;
      const head = new ScriptHead("eval", source.text, flatKeys(definition, keys));
      return await this.#client.sendCommand(new ScriptCommand(head, args, items, isBinary, oneTry));
    }
  }

  /** Of a try that fails another tells. */
  #noteTime(script: string, sentMs: number, answer: Promise<unknown>): void {
    const note = (): void => this.scripts.answered(script, performance.now() - sentMs);
    answer.then(note, () => {}); // told to whoever made the call
  }

  async #confirm(
    { source, definition }: Pick<Script, "definition" | "source">,
    keys: KeySource,
    args: readonly Arg[],
    items: readonly Arg[] | EncodedArgs,
    options: Pick<LaneCall, "confirmation" | "deadlineMs" | "oneTry">,
  ): Promise<unknown> {
    const hashed = this.#head(definition, source.sha1, keys);
    const isBinary = definition.isBinary === true;
    const command = (isFull: boolean): ScriptCommand => {
      const head = isFull ? new ScriptHead("eval", source.text, flatKeys(definition, keys)) : hashed;
      return new ScriptCommand(head, args, items, isBinary, options.oneTry);
    };
    if (this.#isClosed) throw closed();
    this.#confirmed ??= new ConfirmedCalls(this.#client, (answered) => this.#stalled?.watch(answered));
    return await this.#confirmed.send(hashed.firstKey, { ...options, command, name: definition.name });
  }

  async #repeated<T>(options: CallOptions, name: string, send: (oneTry: Try) => Promise<T>): Promise<T> {
    const { deadlineMs, signal } = options;
    let isDoubtful = false;
    for (;;) {
      const oneTry: Try = { isOver: false, isWritten: false };
      try {
        if (!this.#isReady || signal?.aborted === true) await this.#ready(deadlineMs, signal);
        this.#cork();
        options.onSend?.();
        const answer = before(deadlineMs, signal, send(oneTry));
        if (options.confirmation === undefined) this.#stalled?.watch(answer); // else its lane does, without its WAIT
        return await answer;
      } catch (error) {
        oneTry.isOver = true;
        if (error instanceof DelayqError) throw error;
        withoutCommand(error);
        const kind = error === OUT_OF_TIME ? "lost" : kindOf(error);
        if (kind === "lost" && error !== OUT_OF_TIME) this.#refreshSoon();
        // An answer to this attempt says nothing of an earlier one whose answer was lost.
        isDoubtful ||= oneTry.isWritten && kind === "lost";
        if (kind === "refused") throw isDoubtful ? gaveUp(name, isDoubtful, error) : refusal(error);
        // A lane that leads to a replica mends itself.
        const isOurs = options.confirmation === undefined && !this.#client.isCluster;
        if (kind === "readonly" && isOurs) this.#client.disconnect(true);
        if (error !== OUT_OF_TIME) this.#lastError = error;
        if (signal?.aborted === true || performance.now() + RETRY_MS >= deadlineMs)
          throw gaveUp(name, isDoubtful, this.#lastError);
        await sleep(RETRY_MS);
      }
    }
  }

  get #isReady(): boolean {
    return this.#isSupported && !this.#isClosed && this.#client.status === "ready";
  }

  async #ready(deadlineMs: number, signal: AbortSignal | undefined): Promise<void> {
    const client = this.#client;
    this.#checkOpen();
    if (client.status !== "ready") {
      if (client.status === "wait" || client.status === "end")
        void outside(() => client.connect()).catch(() => {}); // see "error"
      await before(deadlineMs, signal, this.#nextReady());
      this.#checkOpen();
    }
    this.#version ??= this.#checkVersion();
    await before(deadlineMs, signal, this.#version);
    this.#isSupported = this.#version !== undefined;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw closed();
  }

  /** One promise for all calls that wait; it never rejects. */
  #nextReady(): Promise<void> {
    this.#becomesReady ??= new Promise((resolve) => {
      this.#endWait = resolve;
      this.#client.once("ready", () => {
        this.#becomesReady = undefined;
        resolve();
      });
    });
    return this.#becomesReady;
  }

  async #checkVersion(): Promise<void> {
    let server: string;
    try {
      server = String(await this.#client.call("info", "server"));
    } catch {
      this.#version = undefined; // not allowed to ask, or the connection went: the calls themselves will tell
      return;
    }
    const version = /^(?:redis|valkey)_version:(\d+\.\d+\S*)/m.exec(server)?.[1];
    const isOld = version !== undefined && Number.parseInt(version, 10) < MAJOR_MIN;
    const isNarrow = /^arch_bits:32\b/m.test(server); // its Lua has no room for a time in ms
    if (!isOld && !isNarrow) return;
    this.#version = undefined;
    throw new DelayqError(
      "DELAYQ_REDIS_UNSUPPORTED",
      `Expected Redis or Valkey ${MAJOR_MIN}.0 or newer, of 64 bits, got ${version}${isNarrow ? " of 32 bits" : ""}. Update the server.`,
    );
  }

  #opened(client: Client, logger: Logger): Client {
    const warnOfNode = this.#nodeWarning(logger);
    let isDown = false;
    client.on("error", (given: unknown) => {
      const error = withoutCommand(reasonOf(given));
      // A Cluster is lost when no node can be asked; else one of those that hints come from is away.
      if (client.isCluster && error === given) {
        warnOfNode(error);
        return;
      }
      this.#lastError = error;
      if (!isDown) logger.warn({ err: error }, "the connection to Redis is lost; trying again");
      isDown = true;
    });
    client.on("node error", warnOfNode);
    client.on("ready", () => {
      if (isDown) logger.info("the connection to Redis is back");
      isDown = false;
      this.#lastError = undefined; // of what is over
      this.#version = undefined;
      this.#isSupported = false;
    });
    // There ioredis gives up for good, such as when a failover is told while it looks for the master.
    client.on("end", () => {
      if (!this.#isClosed) setTimeout(() => this.#revive(client), REVIVE_MS);
    });
    return client;
  }

  #revive(client: Client): void {
    if (!this.#isClosed && client.status === "end") void client.connect().catch(() => {}); // see "error"
  }

  /** The others go on meanwhile; that one is away is said now and then. */
  #nodeWarning(logger: Logger): (error: unknown, node?: string) => void {
    let quietUntilMs = 0;
    return (error, node) => {
      this.#lastError = withoutCommand(error);
      if (performance.now() < quietUntilMs) return;
      quietUntilMs = performance.now() + NODE_WARNING_MS;
      // A node is connected by the first call that needs it, in whose context its events come.
      outside(() =>
        logger.warn({ err: error, node }, "a node of the Redis Cluster cannot be reached; trying again"),
      );
    };
  }

  /** A connection is lost with all that was in flight: in a Cluster its slots may be with another node, once for all of them. */
  #refreshSoon(): void {
    const client = this.#client;
    if (!("refreshSlotsCache" in client) || this.#isRefreshing) return;
    this.#isRefreshing = true;
    setImmediate(() => {
      this.#isRefreshing = false;
      if (client.status === "ready") client.refreshSlotsCache();
    });
  }

  /** Calls are not answered: their node may have lost its slots. ioredis leaves nodes that have none. */
  #suspectNodes(): void {
    if ("refreshSlotsCache" in this.#client) this.#client.refreshSlotsCache();
    this.#subscriber?.suspect();
  }

  /** Kept, since it is the same for every call of a script on a shard. */
  #head(definition: ScriptDefinition, sha1: string, keys: KeySource): ScriptHead {
    let ofScripts = this.#heads.get(keys);
    if (ofScripts === undefined) this.#heads.set(keys, (ofScripts = new Map<string, ScriptHead>()));
    let head = ofScripts.get(definition.name);
    if (head === undefined) {
      head = new ScriptHead("evalsha", sha1, flatKeys(definition, keys));
      ofScripts.set(definition.name, head);
    }
    return head;
  }
}

/** The keys of a script in its header's order. */
const flatKeys = (definition: ScriptDefinition, keys: KeySource): string[] =>
  definition.keys.flatMap((key) => keys[key] as string | readonly string[]);

const closed = (): DelayqError =>
  new DelayqError("DELAYQ_CLOSED", "Expected the connection to be open; it was closed.");
