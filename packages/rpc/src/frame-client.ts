import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { type ClientCall, callServerStreaming } from "./client-calls.js";
import { CLIENT_WINDOW_BYTES, RECEIVE_BYTES_MAX, wholeTimeoutMs } from "./client-options.js";
import { FrameCall } from "./frame-call.js";
import { FramedMessage } from "./framed-message.js";
import type { RawClientOptions } from "./raw-client.js";
import { brokenOff, type Endpoint } from "./status-to-error.js";

/** A server that has not sent its settings within this is given up, as in grpc-js. */
const CONNECT_MS_MAX = 20_000;
/** HTTP/2's window when nothing is said. */
const DEFAULT_WINDOW_BYTES = 65_535;
/** A timeout has eight digits at most; above that (a day) it is said in seconds. */
const TIMEOUT_DIGITS_MAX = 99_999_999;
const MS_PER_S = 1_000;

/**
 * A client of server-streaming methods for who passes their messages on: these stay in the pieces
 * in which they arrived. grpc-js would copy each together, which is a fifth of what a gateway does
 * (docs/adr/0013). One connection, made by the first call, and anew by the first one after it broke.
 */
export class FrameClient {
  readonly #address: string;
  readonly #endpoint: Endpoint | undefined;
  readonly #windowBytes: number;
  readonly #receiveBytesMax: number;
  #session: ClientHttp2Session | null = null;
  #isClosed = false;

  /** @param address `host:port`. */
  constructor(address: string, { service, ...tuning }: RawClientOptions = {}) {
    this.#address = address;
    this.#endpoint = service === undefined ? undefined : { service, address };
    this.#windowBytes = tuning.windowBytes ?? CLIENT_WINDOW_BYTES;
    this.#receiveBytesMax = tuning.receiveBytesMax ?? RECEIVE_BYTES_MAX;
  }

  /** Opens lazily, like `callServerStreaming`; throws what that does. */
  serverStreaming(
    path: string,
    request: Buffer,
    call: ClientCall,
  ): AsyncGenerator<FramedMessage, void, undefined> {
    const timeoutMs = wholeTimeoutMs(call.timeoutMs);
    const bounds = { timeoutMs, receiveBytesMax: this.#receiveBytesMax };
    return callServerStreaming(
      () => new FrameCall(this.#request(path, request, { ...call, timeoutMs }), bounds),
      call.signal,
      this.#endpoint,
    );
  }

  /** Takes no new calls; those under way end by themselves. */
  close(): void {
    this.#isClosed = true;
    const session = this.#session;
    // Closed before it is connected, Node would forget it and go on connecting.
    if (session?.connecting === true) session.once("connect", () => session.close());
    else session?.close();
  }

  #request(path: string, request: Buffer, { timeoutMs, metadata }: ClientCall): ClientHttp2Stream {
    try {
      const stream = this.#connected().request({
        ...metadata?.toHttp2Headers(),
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
        te: "trailers",
        "grpc-timeout": timeoutText(timeoutMs),
      });
      stream.cork();
      for (const piece of FramedMessage.of(request).pieces) stream.write(piece);
      stream.end();
      stream.uncork();
      return stream;
    } catch (error) {
      throw brokenOff(error, this.#endpoint);
    }
  }

  #connected(): ClientHttp2Session {
    if (this.#isClosed) throw new Error("the client is closed");
    // One that was told to go away takes no more calls, but still carries those it has.
    if (this.#session === null || this.#session.closed || this.#session.destroyed) {
      this.#session = this.#connect();
    }
    return this.#session;
  }

  #connect(): ClientHttp2Session {
    const session = connect(`http://${this.#address}`, {
      settings: { enablePush: false, initialWindowSize: this.#windowBytes },
      // What calls hold is bounded by their windows; Node would refuse calls above 10 MB.
      maxSessionMemory: Number.MAX_SAFE_INTEGER,
    });
    const timer = setTimeout(
      () => session.destroy(new Error(`no connection within ${CONNECT_MS_MAX / MS_PER_S} s`)),
      CONNECT_MS_MAX,
    );
    const stopTimer = (): void => clearTimeout(timer);
    session.once("remoteSettings", stopTimer).once("close", stopTimer);
    session.once("connect", () => {
      if (!session.destroyed && this.#windowBytes > DEFAULT_WINDOW_BYTES) {
        session.setLocalWindowSize(this.#windowBytes);
      }
    });
    // Each call is told by itself.
    session.on("error", () => undefined);
    return session;
  }
}

function timeoutText(ms: number): string {
  return ms <= TIMEOUT_DIGITS_MAX ? `${ms}m` : `${Math.ceil(ms / MS_PER_S)}S`;
}
