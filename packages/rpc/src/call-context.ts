import type { Metadata } from "@grpc/grpc-js";

/** What a handler knows of the call it serves. */
export interface CallContext {
  /**
   * Aborts when nobody wants the result any more: the caller went away, the deadline passed, the
   * reader stalled, the process drains. Its reason is the HoldfastError the caller was sent. Pass
   * it to everything that is awaited.
   */
  readonly signal: AbortSignal;
  /** When the call ends at the latest, milliseconds of `Clock.monotonicMs`. */
  readonly deadlineMs: number;
  /** Path of the method, `/package.Service/Method`. */
  readonly method: string;
  /** What the caller sent along; a claim, never an identity. */
  readonly metadata: Metadata;
  /** Address of the caller. */
  readonly peer: string;
}

/** Told of every call, for metrics. Methods are a closed set. */
export interface CallObserver {
  callStarted(method: string): void;
  /** @param status name of the gRPC status, `OK` included. */
  callEnded(method: string, status: string, seconds: number): void;
  /** One response message of so many bytes was handed to the transport. */
  frameSent(method: string, bytes: number): void;
}

/** Times the server applies; the defaults are the contract's (core `limits`), milliseconds. */
export interface CallTimes {
  readonly unaryDefaultMs: number;
  readonly unaryMaxMs: number;
  readonly streamDefaultMs: number;
  readonly streamMaxMs: number;
  /** A peer that takes no frame, or sends no part, for this long ends its stream. */
  readonly stallMs: number;
  /** How long an ended call's transport stream may stay open before it is reset. */
  readonly resetGraceMs: number;
}
