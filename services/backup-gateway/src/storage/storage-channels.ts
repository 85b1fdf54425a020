import { limits } from "@holdfast/core";
import { RawClient } from "@holdfast/rpc";
import { RetiringChannel } from "./retiring-channel.js";

/**
 * The gateway's connections to storage. Unary and lease calls have one of their own: a renewal
 * must not queue behind megabytes of frames.
 */
export class StorageChannels {
  readonly streams: RetiringChannel;
  readonly unary: RetiringChannel;

  /** @param address `host:port`; connections are made by the first calls. */
  constructor(address: string) {
    // The window is what waits in this process for each client that stops reading.
    const connect = (): RawClient =>
      new RawClient(address, { windowBytes: limits.UPSTREAM_WINDOW_BYTES });
    this.streams = new RetiringChannel(connect);
    this.unary = new RetiringChannel(connect);
  }

  /** Connections that are open. */
  get open(): number {
    return this.streams.open + this.unary.open;
  }

  /** Connections that were replaced, ever. */
  get retired(): number {
    return this.streams.retired + this.unary.retired;
  }

  /** Fresh connections for new calls, without the backoff of those that failed. */
  renew(): void {
    this.streams.renew();
    this.unary.renew();
  }

  /** Takes no more calls. */
  close(): void {
    this.streams.close();
    this.unary.close();
  }
}
