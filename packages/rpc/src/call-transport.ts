import assert from "node:assert/strict";
import type { ServerHttp2Stream } from "node:http2";
import { Metadata, type ServerInterceptingCallInterface } from "@grpc/grpc-js";
import type { FramedMessage } from "./framed-message.js";

const CANCEL = 8; // NGHTTP2_CANCEL

/** The HTTP/2 stream under a call: takes messages one at a time, and can be closed at any. */
export class CallTransport {
  readonly stream: ServerHttp2Stream;
  readonly #inner: ServerInterceptingCallInterface;
  /** Waits for the transport to take the message it was handed. */
  #taken: { resolve: () => void; reject: (reason: unknown) => void } | null = null;
  #headersSent = false;

  constructor(inner: ServerInterceptingCallInterface) {
    this.#inner = inner;
    this.stream = streamOf(inner);
  }

  /**
   * Hands over one message.
   * @returns when the transport has taken it; rejects with the reason of `abandon`.
   */
  send(message: FramedMessage): Promise<void> {
    assert.ok(this.#taken === null, "one message at a time");
    return new Promise((resolve, reject) => {
      this.#taken = { resolve, reject };
      this.#write(message);
    });
  }

  /** Nobody waits any more for the transport to take what it was handed. */
  abandon(reason: unknown): void {
    this.#taken?.reject(reason);
  }

  /** How the peer compresses messages; "identity" when it does not. */
  get encoding(): string {
    return encodingOf(this.#inner);
  }

  /** Closes the stream now, whatever it still holds. */
  reset(): void {
    if (!this.stream.closed) this.stream.close(CANCEL);
    // Closed by a peer's reset while a write was pending: Node waits for the write.
    else this.stream.destroy();
  }

  /**
   * Writes a message past grpc-js, which would copy it: at 128 KiB a frame that copy is a third of
   * what a paused stream holds.
   */
  #write({ pieces }: FramedMessage): void {
    if (!this.#headersSent) {
      this.#headersSent = true;
      this.#inner.sendMetadata(new Metadata());
    }
    const last = pieces.length - 1;
    this.stream.cork();
    for (let index = 0; index < last; index++) this.stream.write(pieces[index]);
    this.stream.write(pieces[last], (error) => {
      // After an error the stream closes, and that ends the call.
      if (error) return;
      const taken = this.#taken;
      this.#taken = null;
      taken?.resolve();
    });
    this.stream.uncork();
  }
}

/**
 * The HTTP/2 stream under a call. Private in grpc-js, which has no public way to end a stream
 * whose reader is stuck (grpc-node#1644); the version is pinned and `checkTransport` tries it
 * at start.
 */
function streamOf(inner: ServerInterceptingCallInterface): ServerHttp2Stream {
  const { stream } = inner as unknown as { stream?: ServerHttp2Stream };
  const isStream = typeof stream?.close === "function" && typeof stream.write === "function";
  assert.ok(isStream, "grpc-js keeps its HTTP/2 stream in `stream`");
  return stream;
}

/** Private, too: grpc-js takes the header out of the metadata. */
export function encodingOf(inner: ServerInterceptingCallInterface): string {
  const { incomingEncoding } = inner as unknown as { incomingEncoding?: string };
  assert.ok(typeof incomingEncoding === "string", "grpc-js keeps `incomingEncoding`");
  return incomingEncoding;
}
