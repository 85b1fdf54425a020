import { setMaxListeners } from "node:events";
import {
  type CallOptions,
  type ClientUnaryCall,
  type ClientWritableStream,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import type { HoldfastError } from "@holdfast/core";
import { callOptions } from "./client-options.js";
import { type MessageSource, ServerStreamReader } from "./server-stream-reader.js";
import { brokenOff, type Endpoint, fromServiceError } from "./status-to-error.js";

/** How a call is made. */
export interface ClientCall {
  /** Cancels the call; its reason is what the call then throws. */
  readonly signal: AbortSignal;
  /** Longest duration of the whole call, milliseconds; sent to the server. */
  readonly timeoutMs: number;
  readonly metadata?: Metadata;
  /** Named by errors of the connection. */
  readonly endpoint?: Endpoint | undefined;
}

/** A unary method of a generated client, bound to it: `client.getDbState.bind(client)`. */
export type UnaryMethod<Req, Res> = (
  request: Req,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Res) => void,
) => ClientUnaryCall;

/** A client-streaming method of a generated client, bound to it. */
export type ClientStreamingMethod<Req, Res> = (
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Res) => void,
) => ClientWritableStream<Req>;

/** Calls a unary method. @throws the HoldfastError the server sent, or the signal's reason. */
export function callUnary<Req, Res>(
  method: UnaryMethod<Req, Res>,
  request: Req,
  { signal, timeoutMs, metadata, endpoint }: ClientCall,
): Promise<Res> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const options = callOptions(timeoutMs);
    const call = method(request, metadata ?? new Metadata(), options, (error, response) => {
      stopListening();
      if (error === null) resolve(response);
      else reject(callError(error, signal, endpoint));
    });
    const stopListening = onAbort(signal, () => call.cancel());
  });
}

/**
 * Reads a server stream. The call is opened when the first message is asked for (a call that is
 * open and unread buffers without limit) and cancelled when the reader leaves. A stream that
 * ends with OK simply ends: the reader checks for the trailer.
 * @throws the HoldfastError the server sent, or the signal's reason.
 */
export function callServerStreaming<T>(
  open: () => MessageSource<T>,
  signal: AbortSignal,
  endpoint?: Endpoint,
): AsyncGenerator<T, void, undefined> {
  setMaxListeners(SIGNAL_LISTENERS_MAX, signal);
  const convert = (error: unknown): unknown => callError(error, signal, endpoint);
  return new ServerStreamReader({ open, signal, convert });
}

/**
 * Sends a client stream: one message at a time, each when the transport has taken the one
 * before. An answer or error of the server ends it also when not all was sent.
 * @throws what `requests` throws, the HoldfastError the server sent, or the signal's reason.
 */
export async function callClientStreaming<Req, Res>(
  method: ClientStreamingMethod<Req, Res>,
  requests: Iterable<Req> | AsyncIterable<Req>,
  { signal, timeoutMs, metadata, endpoint }: ClientCall,
): Promise<Res> {
  signal.throwIfAborted();
  let answer: { error: ServiceError | null; response: Res } | null = null;
  let onAnswer: () => void = () => undefined;
  /** What `step` gives, or "answered" as soon as the server has. */
  const unlessAnswered = <T>(step: Promise<T>): Promise<T | "answered"> =>
    new Promise((resolve, reject) => {
      onAnswer = () => resolve("answered");
      if (answer !== null) onAnswer();
      step.then(resolve, reject);
    });
  const call = method(
    metadata ?? new Metadata(),
    callOptions(timeoutMs),
    (error: ServiceError | null, response: Res) => {
      answer = { error, response };
      onAnswer();
    },
  );
  call.on("error", () => undefined);
  const stopListening = onAbort(signal, () => call.cancel());
  const source = iterate(requests);
  try {
    while (answer === null) {
      const step = source.next();
      const next = step instanceof Promise ? await unlessAnswered(step) : step;
      if (next === "answered" || next.done === true) break;
      await unlessAnswered(new Promise<void>((resolve) => call.write(next.value, () => resolve())));
    }
    call.end();
    await unlessAnswered(new Promise<never>(() => undefined));
  } catch (error) {
    call.cancel();
    await unlessAnswered(new Promise<never>(() => undefined));
    throw signal.aborted ? signal.reason : error;
  } finally {
    stopListening();
    Promise.resolve(source.return?.()).catch(() => undefined);
  }
  const { error, response } = answer as unknown as { error: ServiceError | null; response: Res };
  if (error !== null) throw callError(error, signal, endpoint);
  return response;
}

/** A job's signal is shared by all its calls, which are bounded elsewhere. */
const SIGNAL_LISTENERS_MAX = 2_048;

/** @returns what stops listening. */
function onAbort(signal: AbortSignal, cancel: () => void): () => void {
  setMaxListeners(SIGNAL_LISTENERS_MAX, signal);
  signal.addEventListener("abort", cancel, { once: true });
  return () => signal.removeEventListener("abort", cancel);
}

/** What a failed call throws: a CANCELLED that nobody here asked for is a server that left. */
function callError(error: unknown, signal: AbortSignal, endpoint: Endpoint | undefined): unknown {
  if (signal.aborted) return signal.reason;
  const converted: HoldfastError = fromServiceError(error, endpoint);
  return converted.reason === "CANCELLED" ? brokenOff(error, endpoint) : converted;
}

function iterate<T>(items: Iterable<T> | AsyncIterable<T>): Iterator<T> | AsyncIterator<T> {
  return Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
}
