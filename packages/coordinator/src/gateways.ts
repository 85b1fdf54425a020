import type { ChannelCredentials, Metadata } from "@grpc/grpc-js";
import { backup, lease, restore } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import { callUnary, clientOptions, type Endpoint, type UnaryMethod } from "@holdfast/rpc/client";

/** How gateways are reached. */
export interface GatewayOptions {
  /** `host:port` of each; any of them will do. At least one. */
  readonly addresses: readonly string[];
  readonly credentials: ChannelCredentials;
  /** Sent with every call. */
  readonly metadata: Metadata;
  /** Longest unary call, and longest time without a frame, milliseconds. */
  readonly timeoutMs: number;
}

/** The clients of one gateway, on one connection each. */
export interface GatewayClients {
  readonly endpoint: Endpoint;
  readonly backup: backup.BackupServiceClient;
  readonly lease: lease.LeaseServiceClient;
  readonly restore: restore.RestoreServiceClient;
}

/** Chooses a method of a gateway's clients, bound to its client. */
export type MethodOf<Req, Res> = (clients: GatewayClients) => UnaryMethod<Req, Res>;

/** Gateways, any of which will do: the one that worked last is used until it cannot be reached. */
export class Gateways {
  readonly #options: GatewayOptions;
  readonly #clients: (GatewayClients | null)[];
  #current = 0;

  constructor(options: GatewayOptions) {
    if (options.addresses.length === 0) throw new RangeError("at least one gateway");
    this.#options = options;
    this.#clients = options.addresses.map(() => null);
  }

  /** Longest unary call, and longest time without a frame, milliseconds. */
  get timeoutMs(): number {
    return this.#options.timeoutMs;
  }

  get metadata(): Metadata {
    return this.#options.metadata;
  }

  /** The clients of the gateway in use. */
  get current(): GatewayClients {
    const address = this.#options.addresses[this.#current] ?? "";
    const clients = this.#clients[this.#current] ?? this.#connect(address);
    this.#clients[this.#current] = clients;
    return clients;
  }

  /** Uses the next gateway after `error`, if that says that this one cannot do it now. */
  noteFailure(error: unknown, used: GatewayClients): void {
    const address = this.#options.addresses[this.#current];
    if (used.endpoint.address !== address || !(error instanceof HoldfastError)) return;
    const isGone = ["UNAVAILABLE", "DEADLINE_EXCEEDED"].includes(error.status);
    if (isGone || error.reason === "NO_SLOT") {
      this.#current = (this.#current + 1) % this.#options.addresses.length;
    }
  }

  /** Makes one unary call on the gateway in use. @throws HoldfastError as the server sent it. */
  async call<Req, Res>(
    method: MethodOf<Req, Res>,
    request: Req,
    signal: AbortSignal,
    timeoutMs: number = this.timeoutMs,
  ): Promise<Res> {
    const used = this.current;
    try {
      return await callUnary(method(used), request, {
        signal,
        timeoutMs,
        metadata: this.metadata,
        endpoint: used.endpoint,
      });
    } catch (error) {
      this.noteFailure(error, used);
      throw error;
    }
  }

  /** Closes all connections; calls under way end by themselves. */
  close(): void {
    for (const clients of this.#clients) {
      clients?.backup.close();
      clients?.lease.close();
      clients?.restore.close();
    }
  }

  #connect(address: string): GatewayClients {
    const { credentials } = this.#options;
    return {
      endpoint: { service: "gateway", address },
      backup: new backup.BackupServiceClient(address, credentials, clientOptions()),
      lease: new lease.LeaseServiceClient(address, credentials, clientOptions()),
      restore: new restore.RestoreServiceClient(address, credentials, clientOptions()),
    };
  }
}
