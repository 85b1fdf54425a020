import assert from "node:assert/strict";
import { setMaxListeners } from "node:events";
import {
  type Metadata,
  type ServerInterceptingCallInterface,
  type ServerMethodDefinition,
  status,
} from "@grpc/grpc-js";
import {
  type Clock,
  deadlineExceeded,
  HoldfastError,
  type Logger,
  type Timer,
} from "@holdfast/core";
import { ArrivingRequest } from "./arriving-request.js";
import type { CallContext, CallObserver, CallTimes } from "./call-context.js";
import { timeLeftMs } from "./call-time.js";
import { CallTransport } from "./call-transport.js";
import { incident, toServiceError } from "./error-to-status.js";
import { FramedMessage } from "./framed-message.js";
import type { ReceiveBudget } from "./receive-budget.js";
import { withResumePoint } from "./resume-point.js";
import { stalled } from "./stalled.js";
import { widenWindow } from "./upload-window.js";

/** What a call needs of the server it belongs to. */
export interface CallHost {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly times: CallTimes;
  readonly observer: CallObserver | undefined;
  /** Refuses a call by throwing, before a byte of its messages is buffered. */
  readonly admit: (context: CallContext) => void;
  /** Memory of requests that are being received. */
  readonly receiving: ReceiveBudget;
  /** Calls whose transport stream is open. */
  readonly calls: Set<ServerCall>;
  /** Handlers that have not settled; they may outlive their transport stream. */
  readonly handlers: Set<Promise<void>>;
}

/** How to read and write the messages of a method. */
export type Codec = ServerMethodDefinition<unknown, unknown>;

/** A handler and its helpers listen to the signal; more than this looks like a leak. */
const SIGNAL_LISTENERS_MAX = 64;

/**
 * One call, from its headers to the close of its transport stream. It is the only place that
 * ends a call: once, with a status, and with a reset when the stream does not close after that
 * (a client that reads nothing would otherwise hold it for ever).
 */
export class ServerCall {
  readonly #host: CallHost;
  readonly #inner: ServerInterceptingCallInterface;
  readonly #transport: CallTransport;
  readonly #codec: Codec;
  readonly #abort: AbortController = new AbortController();
  readonly #startMs: number;
  #context: CallContext | null = null;
  /** Path of the last tile that the transport was handed; "" without one. */
  #lastPath = "";
  readonly #request: ArrivingRequest;
  /** The timer waits for the request: it is set for the deadline when that is whole. */
  #owesRequest = false;
  #timer: Timer | null = null;
  #ended = false;

  constructor(host: CallHost, codec: Codec, inner: ServerInterceptingCallInterface) {
    this.#host = host;
    this.#codec = codec;
    this.#inner = inner;
    this.#transport = new CallTransport(inner);
    const { stream } = this.#transport;
    const refuse = (error: HoldfastError): void => this.fail(error);
    this.#request = new ArrivingRequest(host.receiving, stream, codec.requestStream, refuse);
    this.#startMs = host.clock.monotonicMs();
    setMaxListeners(SIGNAL_LISTENERS_MAX, this.#abort.signal);
  }

  get context(): CallContext {
    assert.ok(this.#context, "the call has begun");
    return this.#context;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get host(): CallHost {
    return this.#host;
  }

  /** True for a method that streams responses. */
  get streamsResponses(): boolean {
    return this.#codec.responseStream;
  }

  /** Takes the call's headers; false when it was refused. */
  begin(metadata: Metadata): boolean {
    const { clock, observer, calls } = this.#host;
    const leftMs = timeLeftMs(this.#inner.getDeadline(), this.#codec, this.#host.times);
    this.#context = {
      signal: this.#abort.signal,
      deadlineMs: clock.monotonicMs() + leftMs,
      method: this.#codec.path,
      metadata,
      peer: this.#inner.getPeer(),
    };
    observer?.callStarted(this.#codec.path);
    calls.add(this);
    const { stream, encoding } = this.#transport;
    stream.once("close", () => this.#onClose());
    // Reset by the peer without an error: Node leaves it open as long as a write is pending.
    stream.once("aborted", () => stream.destroy());
    if (stream.aborted) stream.destroy();
    try {
      if (leftMs <= 0) throw deadlineExceeded();
      if (encoding !== "identity") throw compressed(encoding);
      this.#host.admit(this.#context);
      this.#request.checkRoom();
    } catch (error) {
      this.fail(error);
      return false;
    }
    this.#armRequest(leftMs);
    callsByMetadata.set(metadata, this);
    return true;
  }

  /** The handler begins to take messages; one that waits for its slot has no use for more. */
  widenWindow(): void {
    widenWindow(this.#transport.stream);
  }

  /** The handler has taken a message. */
  partTaken(): void {
    this.#request.taken();
  }

  /** Runs the handler; the call fails when it throws or leaves without having ended the call. */
  run(handler: () => Promise<void>): void {
    const settled = (async () => {
      try {
        await handler();
        if (!this.#ended) throw new Error("the handler left without ending its call");
      } catch (error) {
        if (this.#ended) this.#logLate(error);
        this.fail(error);
      }
    })();
    this.#host.handlers.add(settled);
    settled.finally(() => this.#host.handlers.delete(settled)).catch(() => undefined);
  }

  /**
   * Hands one response message to the transport; one at a time. A framed one goes as it is.
   * @param lastPath the last tile in it: where a reader goes on if the call is interrupted.
   * @returns when the transport has taken it.
   * @throws the signal's reason when the call ends before.
   */
  send(message: unknown, lastPath = ""): Promise<void> {
    if (this.#ended) return Promise.reject(this.#endReason());
    const framed =
      message instanceof FramedMessage
        ? message
        : FramedMessage.of(this.#codec.responseSerialize(message));
    this.#host.observer?.frameSent(this.#codec.path, framed.bytes);
    if (lastPath !== "") this.#lastPath = lastPath;
    return this.#transport.send(framed);
  }

  /** Ends the call with OK. */
  succeed(): void {
    if (this.#ended) return;
    this.#end("OK");
    this.#inner.sendStatus({ code: status.OK, details: "OK", metadata: null });
  }

  /** Ends the call with an error and aborts its signal; does nothing when it has ended. */
  fail(error: unknown): void {
    if (this.#ended) return;
    const reason = error instanceof HoldfastError ? error : incident(error);
    if (reason !== error) this.#logIncident(reason);
    const wire = toServiceError(withResumePoint(reason, this.#lastPath));
    this.#end(status[wire.code] ?? reason.status);
    this.#inner.sendStatus(wire);
    this.#abandon(reason);
  }

  /** A message of the request has arrived; a single one counts when nothing comes behind it. */
  onRequestMessage(): void {
    if (this.#codec.requestStream) this.#request.wholeMessage();
  }

  /** The request is at its end; false when that is no end of a message. */
  onRequestEnd(): boolean {
    if (this.#request.isCutOff) {
      this.fail(cutOff());
      return false;
    }
    this.#request.whole();
    if (this.#owesRequest && !this.#ended) this.#armDeadline();
    this.#owesRequest = false;
    return true;
  }

  /** grpc-js itself ended the call with this status. */
  onForeignStatus(code: status): void {
    if (this.#ended) return;
    this.#end(status[code] ?? "UNKNOWN");
    this.#abandon(callerLeft());
  }

  /** The transport says that nothing can be sent any more. */
  onCancel(): void {
    if (this.#ended) return;
    this.#end("CANCELLED");
    this.#abandon(callerLeft());
  }

  /** Closes the transport stream now, whatever it still holds. */
  reset(): void {
    this.#transport.reset();
  }

  #end(statusName: string): void {
    this.#ended = true;
    this.#request.over();
    const { clock, observer, times } = this.#host;
    observer?.callEnded(this.#codec.path, statusName, (clock.monotonicMs() - this.#startMs) / 1000);
    this.#arm(times.resetGraceMs, () => this.reset());
  }

  /** Tells all who work for this call that it has ended without success. */
  #abandon(reason: HoldfastError): void {
    this.#abort.abort(reason);
    this.#transport.abandon(reason);
  }

  /** A request must be whole before the stall rule fires, whatever time its call has. */
  #armRequest(leftMs: number): void {
    const { stallMs } = this.#host.times;
    this.#owesRequest = !this.#codec.requestStream && leftMs > stallMs;
    if (this.#owesRequest) this.#arm(stallMs, () => this.fail(stalled(stallMs)));
    else this.#armDeadline();
  }

  #armDeadline(): void {
    const leftMs = this.context.deadlineMs - this.#host.clock.monotonicMs();
    this.#arm(leftMs, () => this.fail(deadlineExceeded()));
  }

  #arm(delayMs: number, fire: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#transport.stream.destroyed
      ? null
      : this.#host.clock.setTimer(delayMs, fire);
  }

  #onClose(): void {
    this.onCancel();
    this.#request.gone();
    this.#timer?.cancel();
    this.#host.calls.delete(this);
  }

  #endReason(): unknown {
    return this.#abort.signal.reason ?? new Error("the call has ended");
  }

  #logIncident(hidden: HoldfastError): void {
    const fields = { ...hidden.metadata, method: this.#codec.path, error: hidden.cause };
    this.#host.logger.error(fields, "a call failed for a reason that is not the caller's");
  }

  #logLate(error: unknown): void {
    if (error === this.#abort.signal.reason || error instanceof HoldfastError) return;
    const fields = { method: this.#codec.path, error };
    this.#host.logger.debug(fields, "a handler failed after its call had ended");
  }
}

const callsByMetadata = new WeakMap<Metadata, ServerCall>();

/** The call these headers began. @throws when the server is not a `GrpcServer`. */
export function serverCallOf(metadata: Metadata): ServerCall {
  const call = callsByMetadata.get(metadata);
  assert.ok(call, "handlers of @holdfast/rpc run in a GrpcServer only");
  return call;
}

function callerLeft(): HoldfastError {
  return new HoldfastError("CANCELLED", "The caller went away.");
}

/** https://github.com/grpc/grpc/blob/master/doc/compression.md: what a server does not support. */
function compressed(encoding: string): HoldfastError {
  return new HoldfastError(
    "ENCODING_UNSUPPORTED",
    `Messages compressed with ${encoding} are not taken. Send them as they are.`,
  );
}

function cutOff(): HoldfastError {
  return new HoldfastError("INVALID_REQUEST", "The request ends in the middle of a message.");
}
