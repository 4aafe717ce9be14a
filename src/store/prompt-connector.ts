import { createConnection, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { AbstractConnector, type RedisOptions } from "ioredis";

/**
 * The way of ioredis to one server, but for how it is left: at once. For connections that only listen.
 *
 * A Cluster client gives the connection for a node's channels up as soon as the node has no slots any more, and nobody hears its
 * errors from then on. ioredis waits for such a connection to end, and that of a node that is frozen does not: if it timed out just
 * then, that was an error without a listener, which ioredis writes to stderr. Nothing is under way that would be worth the wait.
 */
export class PromptConnector extends AbstractConnector {
  readonly #options: RedisOptions;

  constructor(options: unknown) {
    super(0);
    this.#options = options as RedisOptions;
  }

  override async connect(): Promise<Socket> {
    const { host, port, family, tls } = this.#options;
    const place = { host, port: port ?? 0, family };
    this.connecting = true;
    const socket = tls === undefined ? createConnection(place) : connectTls({ ...place, ...tls });
    this.stream = socket;
    socket.once("error", (error) => (this.firstError = error));
    return await Promise.resolve(socket);
  }

  override disconnect(): void {
    this.connecting = false;
    this.stream?.destroy();
  }
}
