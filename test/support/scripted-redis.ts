import { createServer, type AddressInfo, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/**
 * A server that answers as the test says, for what a real one does only by chance: to be gone, or silent, between two
 * certain commands. What a client asks at first it answers as Redis does.
 */
export interface Asked {
  /** In lower case. */
  readonly command: string;
  readonly args: readonly string[];
  /** By CLIENT SETNAME. */
  readonly client: string;
  readonly socket: Socket;
}

export interface ScriptedRedis {
  readonly port: number;
  readonly asked: Asked[];
  /** The names of those that are connected. */
  clients(): string[];
  /** Closes all connections and takes no more. */
  stop(): void;
}

/** @param answer in RESP; undefined is silence; "" leaves the answer to the server */
export async function scriptedRedis(answer: (asked: Asked) => string | undefined): Promise<ScriptedRedis> {
  const asked: Asked[] = [];
  const names = new Map<Socket, string>();
  const server = createServer((socket) => {
    names.set(socket, "");
    socket.on("close", () => names.delete(socket));
    socket.on("error", () => {}); // "close" follows
    let received = "";
    socket.on("data", (data) => {
      received += data.toString("latin1");
      for (;;) {
        const parsed = parse(received);
        if (parsed === undefined) return;
        received = parsed.rest;
        const [command = "", ...args] = parsed.words;
        if (command.toLowerCase() === "client" && args[0]?.toLowerCase() === "setname") {
          names.set(socket, args[1] ?? "");
        }
        const one = { command: command.toLowerCase(), args, client: names.get(socket) ?? "", socket };
        asked.push(one);
        const reply = answer(one);
        if (reply !== undefined && !socket.destroyed) socket.write(reply === "" ? usual(one) : reply);
      }
    });
  });
  const stop = (): void => {
    server.close();
    for (const socket of names.keys()) socket.destroy();
  };
  onTestFinished(stop);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { port, asked, clients: () => [...names.values()], stop };
}

export const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;

/** CLUSTER SLOTS: who has them, in equal parts; the replicas of all are the last ones. */
export function slotsOf(masters: readonly number[], replicas: readonly number[] = []): string {
  const share = 16384 / masters.length;
  const node = (port: number): string => `*3\r\n${bulk("127.0.0.1")}:${port}\r\n${bulk(`node-${port}`)}`;
  const ranges = masters.map((port, i) => {
    const [from, to] = [Math.ceil(i * share), Math.ceil((i + 1) * share) - 1];
    const nodes = [port, ...replicas].map(node);
    return `*${2 + nodes.length}\r\n:${from}\r\n:${to}\r\n${nodes.join("")}`;
  });
  return `*${ranges.length}\r\n${ranges.join("")}`;
}

function usual({ command, args }: Asked): string {
  if (command === "hello") return "-ERR unknown command 'HELLO'\r\n";
  if (command === "info") return bulk("redis_version:7.0.0\r\narch_bits:64\r\nloading:0\r\nrole:master\r\n");
  if (command === "cluster" && args[0]?.toLowerCase() === "info") return bulk("cluster_state:ok\r\n");
  return "+OK\r\n";
}

/** The first command of what was received, once it is whole. */
function parse(received: string): { words: string[]; rest: string } | undefined {
  const head = /^\*(\d+)\r\n/.exec(received);
  if (head === null) return undefined;
  const words: string[] = [];
  let at = head[0].length;
  for (let i = 0; i < Number(head[1]); i++) {
    const length = /^\$(\d+)\r\n/.exec(received.slice(at, at + 20));
    if (length === null) return undefined;
    at += length[0].length;
    const end = at + Number(length[1]);
    if (received.length < end + 2) return undefined;
    words.push(received.slice(at, end));
    at = end + 2;
  }
  return { words, rest: received.slice(at) };
}
