import { limits } from "@holdfast/core";
import { RawClient } from "@holdfast/rpc";
import { RetiringChannel } from "./retiring-channel.js";

/** The channel of one stream, held while it runs. */
export interface HeldChannel extends Disposable {
  readonly channel: RetiringChannel;
}

/**
 * The gateway's connections to storage. Unary and lease calls have one of their own: a renewal
 * must not queue behind megabytes of frames. The first few streams have a wide one: storage then
 * does not wait for this process after every second frame. The window is what waits here for each
 * client that stops reading, so many streams share a narrow one (docs/adr/0008).
 */
export class StorageChannels {
  readonly unary: RetiringChannel;
  readonly uploads: RetiringChannel;
  readonly #narrow: RetiringChannel;
  readonly #wide: RetiringChannel;
  #wideStreams = 0;

  /** @param address `host:port`; connections are made by the first calls. */
  constructor(address: string) {
    const channel = (windowBytes: number): RetiringChannel =>
      new RetiringChannel(() => new RawClient(address, { service: "storage", windowBytes }));
    this.unary = channel(limits.UPSTREAM_WINDOW_BYTES);
    this.#narrow = channel(limits.UPSTREAM_WINDOW_BYTES);
    this.#wide = channel(limits.WIDE_WINDOW_BYTES);
    this.uploads = this.#narrow;
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

  get #all(): readonly RetiringChannel[] {
    return [this.unary, this.#narrow, this.#wide];
  }
}
