import { Client, credentials } from "@grpc/grpc-js";
import { type ClientCall, callClientStreaming, callUnary } from "./client-calls.js";
import { type ChannelTuning, clientOptions } from "./client-options.js";
import { brokenOff, type Endpoint } from "./status-to-error.js";
import { wallMs } from "./wall-time.js";

const identity = (bytes: Buffer): Buffer => bytes;

/** How a raw client calls. */
export interface RawClientOptions extends ChannelTuning {
  /** What the server is to who reads an error; it is nameless by default. */
  readonly service?: string;
}

/**
 * A client for unary and client-streaming methods by their path; requests and responses stay
 * bytes. One connection. (`FrameClient` is for those that stream responses.)
 */
export class RawClient {
  readonly #client: Client;
  readonly #endpoint: Endpoint | undefined;

  /** @param address `host:port`; the connection is made by the first call. */
  constructor(address: string, { service, ...tuning }: RawClientOptions = {}) {
    this.#endpoint = service === undefined ? undefined : { service, address };
    this.#client = new Client(address, credentials.createInsecure(), clientOptions(tuning));
  }

  /** @throws like `callUnary`. */
  unary(path: string, request: Buffer, call: ClientCall): Promise<Buffer> {
    return callUnary<Buffer, Buffer>(
      (body, metadata, options, callback) =>
        this.#client.makeUnaryRequest<Buffer, Buffer>(
          path,
          identity,
          identity,
          body,
          metadata,
          options,
          (error, response) => callback(error, response as Buffer),
        ),
      request,
      { endpoint: this.#endpoint, ...call },
    );
  }

  /** @throws like `callClientStreaming`. */
  clientStreaming(
    path: string,
    requests: Iterable<Buffer> | AsyncIterable<Buffer>,
    call: ClientCall,
  ): Promise<Buffer> {
    return callClientStreaming<Buffer, Buffer>(
      (metadata, options, callback) =>
        this.#client.makeClientStreamRequest<Buffer, Buffer>(
          path,
          identity,
          identity,
          metadata,
          options,
          (error, response) => callback(error, response as Buffer),
        ),
      requests,
      { endpoint: this.#endpoint, ...call },
    );
  }

  /** Connects, if need be. @throws STORAGE_UNAVAILABLE when there is no connection in time. */
  ready(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.waitForReady(wallMs() + timeoutMs, (error) => {
        if (error) reject(brokenOff(error, this.#endpoint));
        else resolve();
      });
    });
  }

  /** Takes no new calls; those under way end by themselves. */
  close(): void {
    this.#client.close();
  }
}
