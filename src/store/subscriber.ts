import type { Logger } from "../runtime/logger.ts";
import { outside } from "../runtime/outside.ts";
import { SLOTS_IN_DOUBT } from "./calm-refresh.ts";
import type { Client } from "./connection-options.ts";
import { nodeOf } from "./node-of.ts";
import { kindOf } from "./redis-errors.ts";

/**
 * Hears hints: one connection per process, however many channels.
 *
 * Hints may be lost, and all who listen know it. What this class promises is only to say whether it hears (`canHear`), and
 * to come back: after a reconnect it subscribes again, and what was refused it tries again from time to time.
 *
 * Nothing is sent on a connection that only listens, so nobody would notice that its peer is frozen or gone, or that a slot
 * has moved. So now and then something is asked: to leave a channel on which nobody is. No answer ends the connection, by the
 * socket time-out; that the slot is elsewhere makes the client look where.
 *
 * A client of a Cluster that gives all up waits for its connections to end, and waits for ever if it had none just then: that
 * too is looked for now and then, and it is made to connect.
 *
 * In a Cluster the client holds a connection to each master and mends them by itself; it only tells which one went, and when
 * something was mended. So for each channel is kept from which node it is heard.
 */
const RETRY_MS = 5000;
const MENDED_MS = 20;
const DOUBT_MS = 20;
/** One server mostly goes with the connection for calls, which notices; in a Cluster slots move, and one master of many may go. */
const CHECK_MS = 15_000;
const CLUSTER_CHECK_MS = 5000;
const CHECKED_CHANNELS = 16;
const DOUBTED_CHANNELS = 200;
const CHANNELS_PER_CALL = 500;
const JITTER = 0.2;

export type Listener = (message: string) => void;

export class Subscriber {
  readonly #client: Client;
  readonly #logger: Logger;
  readonly #listeners = new Map<string, Set<Listener>>();
  /** The channels that are heard, and from which node of a Cluster. */
  readonly #heard = new Map<string, string>();
  readonly #pending = new Set<string>();
  #isFlushing = false;
  #isClosed = false;
  #retry: NodeJS.Timeout | undefined;
  #retryAtMs = Number.POSITIVE_INFINITY;
  readonly #checks: NodeJS.Timeout;
  #checked = 0;
  #doubt: NodeJS.Timeout | undefined;
  #isRefusalLogged = false;
  #wasDisconnecting = false;

  constructor(client: Client, logger: Logger) {
    this.#client = client;
    this.#logger = logger;
    client.on("smessage", (channel: string, message: string) => this.#tell(channel, message));
    client.on("ready", () => this.#subscribeAgain());
    client.on("close", () => this.#fallSilent());
    if (client.isCluster) {
      client.on("-node", (_redis: unknown, node?: string) => {
        if (node !== undefined) this.#fallSilent(node);
      });
      client.on("subscribersReady", () => this.#subscribeLater(MENDED_MS));
      client.on(SLOTS_IN_DOUBT, () => this.#checkSoon());
    }
    const check = (): void => {
      this.#freeStuck();
      this.#check(CHECKED_CHANNELS);
    };
    const everyMs = client.isCluster ? CLUSTER_CHECK_MS : CHECK_MS;
    this.#checks = setInterval(check, everyMs * (1 - JITTER * Math.random()));
    this.#checks.unref();
  }

  /** The listener is also told, with an empty message, when the channel begins or ceases to be heard: some may be lost. */
  listen(channel: string, listener: Listener): void {
    const listeners = this.#listeners.get(channel);
    if (listeners === undefined) this.#listeners.set(channel, new Set([listener]));
    else listeners.add(listener);
    this.#pending.add(channel);
    this.#flushSoon();
  }

  unlisten(channel: string, listener: Listener): void {
    const listeners = this.#listeners.get(channel);
    if (listeners?.delete(listener) !== true || listeners.size > 0) return;
    this.#listeners.delete(channel);
    this.#pending.delete(channel);
    if (this.#heard.delete(channel) && this.#client.status === "ready") void this.#leave(channel);
  }

  canHear(channel: string): boolean {
    return this.#heard.has(channel);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#doubt);
    clearInterval(this.#checks);
    this.#listeners.clear();
    this.#client.disconnect();
  }

  /** Calls are not answered: look at once whether channels still are. */
  suspect(): void {
    if ("refreshSlotsCache" in this.#client) this.#client.refreshSlotsCache();
    else this.#checkSoon();
  }

  #fallSilent(node?: string): void {
    const channels = [...this.#heard].filter(([, from]) => node === undefined || from === node);
    this.#lose(channels.map(([channel]) => channel));
  }

  /** Who listened looks by himself once, and learns from `canHear` that he must do so more often. */
  #lose(channels: readonly string[]): void {
    if (this.#isClosed) return;
    const lost = channels.filter((channel) => this.#heard.delete(channel));
    for (const channel of lost) this.#tell(channel, "");
    this.#subscribeLater(); // if the client does not tell that something was mended
  }

  /** Disconnecting takes 100 ms. */
  #freeStuck(): void {
    const isDisconnecting = this.#client.isCluster && this.#client.status === "disconnecting";
    if (isDisconnecting && this.#wasDisconnecting) {
      this.#client.disconnect(true);
      void this.#client.connect().catch(() => {}); // reported by the "error" event
    }
    this.#wasDisconnecting = isDisconnecting;
  }

  /** Many signs come together, and while a node is away each check that fails is one more. */
  #checkSoon(): void {
    this.#doubt ??= setTimeout(() => {
      this.#doubt = undefined;
      this.#check(DOUBTED_CHANNELS);
    }, DOUBT_MS).unref();
  }

  /** One connection has one peer; in a Cluster channels are taken in turn. */
  #check(countMax: number): void {
    if (this.#client.status !== "ready") return;
    const heard = [...this.#heard.keys()];
    const count = this.#client.isCluster ? Math.min(countMax, heard.length) : Math.min(1, heard.length);
    for (let i = 0; i < count; i++) {
      const channel = heard[this.#checked++ % heard.length] ?? "";
      void this.#checkOne(channel);
    }
  }

  async #checkOne(channel: string): Promise<void> {
    if (!(await this.#leave(`${channel}:check`))) this.#lose([channel]);
  }

  /** Tells whether that was answered by who has the channel. If not, the connection went, and the subscription with it. */
  async #leave(...channels: string[]): Promise<boolean> {
    try {
      await this.#client.sunsubscribe(...channels);
      return true;
    } catch (error) {
      return isRefusal(error);
    }
  }

  #tell(channel: string, message: string): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener(message);
  }

  #subscribeAgain(): void {
    const isHeard = (channel: string): boolean => this.#heard.get(channel) === nodeOf(this.#client, channel);
    for (const channel of this.#listeners.keys()) if (!isHeard(channel)) this.#pending.add(channel);
    this.#flushSoon();
  }

  /** Channels that are asked for in one turn of the event loop go in one call. */
  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => {
      this.#isFlushing = false;
      if (this.#isClosed) return;
      if (this.#client.status === "wait") void outside(() => this.#client.connect()).catch(() => {}); // reported by the "error" event
      if (this.#client.status !== "ready") return;
      const channels = [...this.#pending];
      this.#pending.clear();
      const perCall = this.#client.isCluster ? 1 : CHANNELS_PER_CALL;
      for (let at = 0; at < channels.length; at += perCall)
        void this.#subscribe(channels.slice(at, at + perCall));
    });
  }

  async #subscribe(channels: string[]): Promise<void> {
    try {
      // A Cluster client keeps a list of channels, in which each would stand once more every time.
      if (this.#client.isCluster) void this.#leave(...channels);
      await this.#client.ssubscribe(...channels);
      this.#isRefusalLogged = false;
      for (const channel of channels) {
        if (!this.#listeners.has(channel)) continue;
        this.#heard.set(channel, nodeOf(this.#client, channel));
        this.#tell(channel, "");
      }
    } catch (error) {
      if (!this.#isRefusalLogged)
        this.#logger.warn({ err: error }, "cannot subscribe; tasks are found by polling");
      this.#isRefusalLogged = true;
      this.#subscribeLater();
    }
  }

  #subscribeLater(delayMs = RETRY_MS): void {
    const atMs = performance.now() + delayMs;
    if (atMs >= this.#retryAtMs) return;
    clearTimeout(this.#retry);
    this.#retryAtMs = atMs;
    this.#retry = setTimeout(() => {
      this.#retryAtMs = Number.POSITIVE_INFINITY;
      this.#subscribeAgain();
    }, delayMs).unref();
  }
}

/** Such as of a user who may not leave channels. A redirection is none: the channel is heard from elsewhere now. */
const isRefusal = (error: unknown): boolean =>
  kindOf(error) === "refused" && !/^(?:MOVED|ASK) /.test((error as Error).message);
