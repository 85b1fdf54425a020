import { EventEmitter } from "node:events";
import {
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from "node:http2";
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import type { FramedMessage } from "./framed-message.js";
import { MessageSplitter } from "./message-splitter.js";

/** How a call is bounded. */
export interface FrameCallBounds {
  /** Longest duration of the whole call, milliseconds. */
  readonly timeoutMs: number;
  /** Largest message taken, bytes. */
  readonly receiveBytesMax: number;
}

/**
 * The responses of one server-streaming call, over the HTTP/2 stream that carries it. Behind a
 * message nothing is read until it was taken; more waits in the window of the stream. It tells
 * what happens as grpc-js's `ClientReadableStream` does: `readable`, `error` with a
 * `ServiceError` for every status but OK, `end`.
 */
export class FrameCall extends EventEmitter {
  readonly #stream: ClientHttp2Stream;
  readonly #splitter: MessageSplitter;
  readonly #timer: NodeJS.Timeout;
  readonly #messages: FramedMessage[] = [];
  /** The status the server sent. */
  #status: { readonly error: ServiceError | null } | null = null;
  /** Why the call ended here, or how its transport broke. */
  #failure: unknown = null;
  /** Everything the server sent has been read. */
  #isReadToEnd = false;
  #isOver = false;

  constructor(stream: ClientHttp2Stream, { timeoutMs, receiveBytesMax }: FrameCallBounds) {
    super();
    this.#stream = stream;
    this.#splitter = new MessageSplitter(receiveBytesMax);
    this.#timer = setTimeout(
      () => this.#fail(serviceError(status.DEADLINE_EXCEEDED, "Deadline exceeded")),
      timeoutMs,
    );
    stream.on("response", (headers) => this.#onHeaders(headers));
    stream.on("trailers", (trailers) => this.#onStatus(trailers));
    stream.on("data", (bytes: Buffer) => this.#onData(bytes));
    stream.on("end", () => {
      this.#isReadToEnd = true;
      if (this.#status !== null) this.#finish();
    });
    stream.on("error", (error) => {
      this.#failure ??= unavailable(error.message);
    });
    stream.on("close", () => this.#finish());
  }

  /** The next message; null when there is none yet, which makes the stream read on. */
  read(): FramedMessage | null {
    const message = this.#messages.shift();
    if (message !== undefined) return message;
    if (!this.#isOver) this.#stream.resume();
    return null;
  }

  /** Takes the call back. Does nothing when it has ended. */
  cancel(): void {
    if (this.#isOver) return;
    this.#failure ??= serviceError(status.CANCELLED, "Cancelled on client");
    this.#leave();
    process.nextTick(() => this.#finish());
  }

  #onHeaders(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void {
    if (headers["grpc-status"] !== undefined) this.#onStatus(headers);
    else if (headers[":status"] !== constants.HTTP_STATUS_OK || !isGrpc(headers)) {
      this.#fail(unavailable(`HTTP status ${headers[":status"]} without gRPC status`));
    }
  }

  #onStatus(headers: IncomingHttpHeaders): void {
    const code = Number(headers["grpc-status"] ?? status.UNKNOWN);
    this.#status = {
      error:
        code === status.OK
          ? null
          : serviceError(code, messageIn(headers), Metadata.fromHttp2Headers(headers)),
    };
  }

  #onData(bytes: Buffer): void {
    if (this.#isOver || this.#failure !== null) return;
    try {
      this.#splitter.push(bytes, this.#messages);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (this.#messages.length === 0) return;
    this.#stream.pause();
    this.emit("readable");
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#leave();
    this.#finish();
  }

  /**
   * Ends the HTTP/2 stream. One that has not been sent must not wait for its connection; one whose
   * answer has arrived whole only goes when that is read off.
   */
  #leave(): void {
    if (this.#stream.pending) {
      this.#stream.destroy();
    } else {
      this.#stream.close(constants.NGHTTP2_CANCEL);
      this.#stream.resume();
    }
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    const error = this.#outcome();
    if (error !== null) this.emit("error", error);
    this.emit("end");
  }

  /** Null for a whole stream that ended with OK. */
  #outcome(): unknown {
    if (this.#status?.error) return this.#status.error;
    if (this.#failure !== null) return this.#failure;
    const isWhole = this.#isReadToEnd && !this.#splitter.isInMessage;
    if (this.#status !== null && isWhole) return null;
    return unavailable(`The stream closed early, RST_STREAM with code ${this.#stream.rstCode}`);
  }
}

function isGrpc(headers: IncomingHttpHeaders): boolean {
  return headers["content-type"]?.startsWith("application/grpc") === true;
}

/** The status message, which is percent-encoded. */
function messageIn(headers: IncomingHttpHeaders): string {
  const text = String(headers["grpc-message"] ?? "");
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function unavailable(details: string): ServiceError {
  return serviceError(status.UNAVAILABLE, details);
}

function serviceError(
  code: status,
  details: string,
  metadata: Metadata = new Metadata(),
): ServiceError {
  return Object.assign(new Error(`${code} ${status[code]}: ${details}`), {
    code,
    details,
    metadata,
  });
}
