import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { HealthReport } from "./health.ts";

export interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** What stands under each path. */
export type Pages = Readonly<Record<string, () => Page | Promise<Page>>>;

const CLOSE_MS = 1000;
/** For a request to arrive whole; how often Node looks for those that did not. */
const REQUEST_MS = 5000;
/** Scrapers and probes are few. */
const CONNECTIONS_MAX = 64;

/** Serves a few pages to scrapers and probes. They need no password: leave the port to those who may read them. */
export class PageServer {
  readonly #pages: Pages;
  readonly #server: Server;
  readonly #onError: (error: Error) => void;

  /** @param onError is told what goes wrong while it listens, such as too many open files; it goes on */
  constructor(pages: Pages, onError: (error: Error) => void) {
    this.#pages = pages;
    this.#onError = onError;
    const limits = {
      headersTimeout: REQUEST_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: REQUEST_MS,
    };
    this.#server = createServer(limits, (request, response) => void this.#answer(request, response)); // never rejects
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** @returns where it listens, as a URL @throws what Node says of a port that cannot be had */
  async listen(port: number, host: string | undefined): Promise<string> {
    this.#server.listen({ port, ...(host !== undefined && { host }) });
    await once(this.#server, "listening");
    this.#server.on("error", this.#onError);
    const { address, family, port: got } = this.#server.address() as AddressInfo;
    return `http://${family === "IPv6" ? `[${address}]` : address}:${got}`;
  }

  /** Answers what was asked, for a moment; ends in any case. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const giveUp = setTimeout(() => this.#server.closeAllConnections(), CLOSE_MS);
    await closed;
    clearTimeout(giveUp);
  }

  async #answer({ method = "", url = "" }: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, type, body } = await this.#page(method, url);
    response.writeHead(status, {
      "content-type": type,
      "content-length": Buffer.byteLength(body),
      "cache-control": "no-store",
      ...(status === 405 && { allow: "GET, HEAD" }),
    });
    response.end(method === "HEAD" ? undefined : body);
  }

  async #page(method: string, url: string): Promise<Page> {
    if (method !== "GET" && method !== "HEAD") return text(405, "Only GET and HEAD are answered here.\n");
    const [path = ""] = url.split("?", 1);
    const page = Object.hasOwn(this.#pages, path) ? this.#pages[path] : undefined;
    if (page === undefined) {
      const known = Object.keys(this.#pages).join(", ");
      return text(404, `There is nothing under this path. What there is: ${known}\n`);
    }
    try {
      return await page();
    } catch (error) {
      return text(500, `${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
}

const text = (status: number, body: string): Page => ({ status, type: "text/plain; charset=utf-8", body });

export const healthPage = ({ ok, checks }: HealthReport): Page => ({
  status: ok ? 200 : 503,
  type: "application/json; charset=utf-8",
  body: `${JSON.stringify({ status: ok ? "ok" : "failing", checks })}\n`,
});
