import { createConnection, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { AbstractConnector, type RedisOptions } from "ioredis";

/**
 * The way of ioredis to one server, but for how it is left: at once, and so that whoever waits for it is told. For connections
 * that only listen.
 *
 * A Cluster client gives the connection for a node's channels up when the node has no slots any more, or when no node can be
 * asked, and takes its listeners off. ioredis then waits for it to end, and that of a node that is frozen does not. If it timed out
 * just then, that was an error without a listener, which ioredis writes to stderr. If it was only being opened, the client waited
 * for ever to be told how that ended, and never opened another: no hint was heard any more until the process was started again.
 * Nothing is under way that would be worth the wait.
 */
type Tell = (event: string, error: Error) => void;

export class PromptConnector extends AbstractConnector {
  readonly #options: RedisOptions;
  #tell: Tell | undefined;

  constructor(options: unknown) {
    super(0);
    this.#options = options as RedisOptions;
  }

  override async connect(tell: Tell): Promise<Socket> {
    const { host, port, family, tls } = this.#options;
    const place = { host, port: port ?? 0, family };
    this.#tell = tell;
    this.connecting = true;
    const socket = tls ? connectTls({ ...place, ...tls }) : createConnection(place);
    this.stream = socket;
    socket.once("error", (error) => (this.firstError = error));
    return await Promise.resolve(socket);
  }

  override disconnect(): void {
    this.connecting = false;
    this.stream?.destroy();
    // The client says so itself, too, but only when its listeners are gone. None of them minds to be told twice.
    this.#tell?.("close", new Error("The connection was given up."));
  }
}
