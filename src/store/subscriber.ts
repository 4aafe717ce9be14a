import type { Logger } from "../runtime/logger.ts";
import type { Client } from "./connection-options.ts";

/**
 * Hears hints: one connection per process, however many channels.
 *
 * Hints may be lost, and all who listen know it. What this class promises is only to say whether it hears (`canHear`), and
 * to come back: after a reconnect it subscribes again, and what was refused it tries again from time to time.
 */
const RETRY_MS = 5000;
const CHANNELS_PER_CALL = 500;

export type Listener = (message: string) => void;

export class Subscriber {
  readonly #client: Client;
  readonly #logger: Logger;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #heard = new Set<string>();
  #pending = new Set<string>();
  #isFlushing = false;
  #isClosed = false;
  #retry: NodeJS.Timeout | undefined;
  #isRefusalLogged = false;

  constructor(client: Client, logger: Logger) {
    this.#client = client;
    this.#logger = logger;
    client.on("smessage", (channel: string, message: string) => this.#tell(channel, message));
    client.on("ready", () => this.#subscribeAgain());
    client.on("close", () => this.#fallSilent());
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
    if (this.#heard.delete(channel) && this.#client.status === "ready") {
      this.#client.sunsubscribe(channel).catch(() => {}); // the connection went, and the subscription with it
    }
  }

  canHear(channel: string): boolean {
    return this.#heard.has(channel);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.#listeners.clear();
    this.#client.disconnect();
  }

  /** Who listened looks by himself once, and learns from `canHear` that he must do so more often. */
  #fallSilent(): void {
    const channels = [...this.#heard];
    this.#heard.clear();
    for (const channel of channels) this.#tell(channel, "");
  }

  #tell(channel: string, message: string): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener(message);
  }

  #subscribeAgain(): void {
    this.#pending = new Set(this.#listeners.keys());
    this.#flushSoon();
  }

  /** Channels that are asked for in one turn of the event loop go in one call. */
  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => {
      this.#isFlushing = false;
      if (this.#isClosed) return;
      if (this.#client.status === "wait") void this.#client.connect().catch(() => {}); // reported by the "error" event
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
      await this.#client.ssubscribe(...channels);
      this.#isRefusalLogged = false;
      for (const channel of channels) {
        if (!this.#listeners.has(channel)) continue;
        this.#heard.add(channel);
        this.#tell(channel, "");
      }
    } catch (error) {
      if (!this.#isRefusalLogged)
        this.#logger.warn({ err: error }, "cannot subscribe; tasks are found by polling");
      this.#isRefusalLogged = true;
      clearTimeout(this.#retry);
      this.#retry = setTimeout(() => this.#subscribeAgain(), RETRY_MS).unref();
    }
  }
}
