import { once } from "node:events";
import { connect, createServer } from "node:net";

/**
 * Stands between processes and Redis, and lets answers come later, as a network does; whatever comes together goes on together.
 * (The proxy of the chaos tests lets each piece wait for the one before it, a millisecond at least: no more than a thousand
 * pieces a second come through.)
 */
export class DelayProxy {
  #targetPort;
  #delayMs;
  #sockets = new Set();
  #server = createServer((client) => this.#accept(client));

  constructor(targetPort, delayMs) {
    this.#targetPort = targetPort;
    this.#delayMs = delayMs;
  }

  async start() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
  }

  get url() {
    return `redis://127.0.0.1:${this.#server.address().port}`;
  }

  stop() {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(client) {
    const server = connect(this.#targetPort, "127.0.0.1");
    const pair = [client, server];
    for (const socket of pair) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        for (const one of pair) one.destroy();
      });
    }
    client.on("data", (bytes) => server.write(bytes));
    server.on(
      "data",
      this.#later((bytes) => client.write(bytes)),
    );
  }

  /** What is given to the returned function is sent so much later, in its order. */
  #later(send) {
    let waiting = [];
    let timer;
    const sendDue = () => {
      const nowMs = performance.now();
      const firstLater = waiting.findIndex(({ atMs }) => atMs > nowMs);
      const due = firstLater === -1 ? waiting : waiting.slice(0, firstLater);
      waiting = waiting.slice(due.length);
      if (due.length > 0) send(Buffer.concat(due.map(({ bytes }) => bytes)));
      timer = waiting.length === 0 ? undefined : setTimeout(sendDue, waiting[0].atMs - nowMs);
    };
    return (bytes) => {
      waiting.push({ atMs: performance.now() + this.#delayMs, bytes });
      timer ??= setTimeout(sendDue, this.#delayMs);
    };
  }
}
