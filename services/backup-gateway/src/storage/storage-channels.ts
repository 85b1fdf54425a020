import { limits } from "@holdfast/core";
import { FrameClient, RawClient } from "@holdfast/rpc";
import { RetiringChannel } from "./retiring-channel.js";

/** The channel of one stream, held while it runs. */
export interface HeldChannel extends Disposable {
  readonly channel: RetiringChannel<FrameClient>;
}

/**
 * The gateway's connections to storage. Unary and lease calls have one of their own: a renewal
 * must not queue behind megabytes; so have uploads. The first few streams have a wide one: storage then
 * does not wait for this process after every second frame. The window is what waits here for each
 * client that stops reading, so many streams share a narrow one (docs/adr/0008).
 */
export class StorageChannels {
  readonly unary: RetiringChannel<RawClient>;
  readonly uploads: RetiringChannel<RawClient>;
  readonly #narrow: RetiringChannel<FrameClient>;
  readonly #wide: RetiringChannel<FrameClient>;
  #wideStreams = 0;

  /** @param address `host:port`; connections are made by the first calls. */
  constructor(address: string) {
    const calls = (): RetiringChannel<RawClient> =>
      new RetiringChannel(
        () =>
          new RawClient(address, { service: "storage", windowBytes: limits.UPSTREAM_WINDOW_BYTES }),
      );
    const streams = (windowBytes: number): RetiringChannel<FrameClient> =>
      new RetiringChannel(() => new FrameClient(address, { service: "storage", windowBytes }));
    this.unary = calls();
    this.uploads = calls();
    this.#narrow = streams(limits.UPSTREAM_WINDOW_BYTES);
    this.#wide = streams(limits.WIDE_WINDOW_BYTES);
  }

  /** The channel for one more stream. Dispose it when the stream has ended. */
  forStream(): HeldChannel {
    if (this.#wideStreams >= limits.WIDE_STREAMS_MAX) {
      return { channel: this.#narrow, [Symbol.dispose]: () => undefined };
    }
    this.#wideStreams += 1;
    return {
      channel: this.#wide,
      [Symbol.dispose]: () => {
        this.#wideStreams -= 1;
      },
    };
  }

  /** Connections that are open. */
  get open(): number {
    return this.#all.reduce((sum, { open }) => sum + open, 0);
  }

  /** Connections that were replaced, ever. */
  get retired(): number {
    return this.#all.reduce((sum, { retired }) => sum + retired, 0);
  }

  /** Fresh connections for new calls, without the backoff of those that failed. */
  renew(): void {
    for (const channel of this.#all) channel.renew();
  }

  /** Takes no more calls. */
  close(): void {
    for (const channel of this.#all) channel.close();
  }

  get #all(): readonly RetiringChannel<RawClient | FrameClient>[] {
    return [this.unary, this.uploads, this.#narrow, this.#wide];
  }
}
