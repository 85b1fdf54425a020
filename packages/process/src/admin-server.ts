import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Address, formatAddress } from "./address.js";
import type { Metrics } from "./metrics.js";

/** Why a process cannot do its work; empty when it can. */
export type Readiness = () => readonly string[];

/** Connections at the same time; scrapers and probes are few. */
const CONNECTIONS_MAX = 64;
const REQUEST_MS_MAX = 5_000;

/** Plain HTTP for machines that watch: GET /metrics, /healthz, /readyz and nothing else. */
export class AdminServer {
  readonly #server: Server;
  readonly #metrics: Metrics;
  readonly #notReady: Readiness;

  constructor(metrics: Metrics, notReady: Readiness) {
    this.#metrics = metrics;
    this.#notReady = notReady;
    this.#server = createServer(
      { requestTimeout: REQUEST_MS_MAX, headersTimeout: REQUEST_MS_MAX },
      (request, response) => {
        this.#answer(request, response).catch(() => response.destroy());
      },
    );
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** Listens; port 0 picks a free one. @returns the address. @throws Error when it is taken. */
  async start(address: Address): Promise<string> {
    this.#server.listen(address.port, address.host);
    await once(this.#server, "listening");
    const { port } = this.#server.address() as AddressInfo;
    return formatAddress({ host: address.host, port });
  }

  /** Closes the listener and every connection. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "").split("?")[0];
    if (request.method !== "GET") {
      response.writeHead(405, { allow: "GET" }).end();
    } else if (path === "/metrics") {
      const body = await this.#metrics.text();
      response.writeHead(200, { "content-type": this.#metrics.contentType }).end(body);
    } else if (path === "/healthz") {
      sendText(response, 200, "ok\n");
    } else if (path === "/readyz") {
      const reasons = this.#notReady();
      if (reasons.length === 0) sendText(response, 200, "ready\n");
      else sendText(response, 503, `${reasons.join("\n")}\n`);
    } else {
      sendText(response, 404, "GET /metrics, /healthz or /readyz\n");
    }
  }
}

function sendText(response: ServerResponse, code: number, body: string): void {
  response.writeHead(code, { "content-type": "text/plain; charset=utf-8" }).end(body);
}
