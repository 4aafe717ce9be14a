import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Random } from "./random.js";

/*
 * Stands between a process, or a replica, and Redis, and does to the connections what networks do:
 *
 *   cutReplies   the next answer of each connection breaks off in its middle and the connection is reset: Redis executed the
 *                command, its caller does not know
 *   delayMs      answers come that much later
 *   isBlackHole  nothing passes either way and nothing is closed; whoever connects hangs. What was caught in it is reset at
 *                its end, for bytes are missing
 *   isMute       messages of channels vanish, for good; the subscriptions look sound
 */
export class TcpProxy {
  delayMs = 0;
  isMute = false;
  /** How many answers broke off, and how many messages vanished. */
  cut = 0;
  muted = 0;
  #isBlackHole = false;
  #targetPort;
  #pairs = new Set();
  #server = createServer({ allowHalfOpen: false }, (client) => this.#accept(client));
  #random;

  constructor(targetPort, seed) {
    this.#targetPort = targetPort;
    this.#random = new Random(seed);
  }

  async start() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
  }

  get port() {
    return this.#server.address().port;
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Returns of how many connections the next answer will be cut. */
  cutReplies() {
    const pairs = [...this.#pairs].filter(({ isSubscriber }) => !isSubscriber);
    for (const pair of pairs) pair.isToBeCut = true;
    return pairs.length;
  }

  set isBlackHole(isBlackHole) {
    this.#isBlackHole = isBlackHole;
    if (isBlackHole) for (const pair of this.#pairs) pair.isSpoiled = true;
    else for (const pair of this.#pairs) if (pair.isSpoiled) this.#reset(pair);
  }

  stop() {
    this.#server.close();
    for (const pair of this.#pairs) this.#reset(pair);
  }

  #accept(client) {
    const pair = {
      client,
      server: undefined,
      isSubscriber: false,
      isSpoiled: false,
      isToBeCut: false,
      isCut: false,
      sendAtMs: 0,
      waiting: 0,
      lastSent: Promise.resolve(),
    };
    this.#pairs.add(pair);
    client.on("error", () => this.#reset(pair));
    client.on("close", () => this.#reset(pair));
    if (this.#isBlackHole) {
      pair.isSpoiled = true;
      client.resume();
      return;
    }
    const server = connect(this.#targetPort, "127.0.0.1");
    pair.server = server;
    server.on("error", () => this.#reset(pair));
    server.on("close", () => this.#reset(pair));
    for (const socket of [client, server]) socket.setNoDelay(true);
    client.on("data", (bytes) => {
      if (this.#isBlackHole) return;
      if (!pair.isSubscriber && /ssubscribe/i.test(bytes.toString("latin1"))) pair.isSubscriber = true;
      server.write(bytes);
    });
    server.on("data", (bytes) => this.#answer(pair, bytes));
  }

  #answer(pair, bytes) {
    if (this.#isBlackHole || pair.isCut) return;
    if (this.isMute && pair.isSubscriber && bytes.includes("smessage")) {
      this.muted++;
      return;
    }
    const isLast = pair.isToBeCut;
    if (isLast) this.cut++;
    pair.isCut = isLast;
    const part = isLast ? bytes.subarray(0, Math.floor(bytes.length * this.#random.next())) : bytes;
    const nowMs = performance.now();
    // What comes later never overtakes: that would be no network, but a Redis that answers the wrong call.
    const sendAtMs = Math.max(pair.sendAtMs, nowMs + this.delayMs);
    pair.sendAtMs = sendAtMs;
    const send = () => {
      if (!pair.client.writable) return;
      pair.client.write(part, isLast ? () => this.#reset(pair) : undefined);
    };
    if (pair.waiting === 0 && sendAtMs <= nowMs) {
      send();
      return;
    }
    pair.waiting++;
    const queued = pair.lastSent.then(async () => {
      await sleep(Math.max(0, sendAtMs - performance.now()));
      send();
      pair.waiting--;
    });
    pair.lastSent = queued;
  }

  #reset(pair) {
    if (!this.#pairs.delete(pair)) return;
    pair.client.destroy();
    pair.server?.destroy();
  }
}
