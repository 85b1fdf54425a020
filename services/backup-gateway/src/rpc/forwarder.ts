import { setImmediate } from "node:timers/promises";
import type { MethodDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { backup } from "@holdfast/api";
import {
  type BoundedExecutor,
  ChildAbort,
  type Clock,
  deadlineExceeded,
  limits,
} from "@holdfast/core";
import {
  type CallContext,
  type ClientCall,
  clientStreaming,
  FramedMessage,
  serverStreaming,
  unary,
} from "@holdfast/rpc";
import type { Admission } from "../admission/admission.js";
import { requireLease } from "../lease/required-lease.js";
import type { StorageChannels } from "../storage/storage-channels.js";
import { relayFrames } from "../streams/relay-frames.js";
import { leaseIdReader } from "./stream-leases.js";

type Handler = UntypedServiceImplementation[string];

/** Sent while storage is silent; the same bytes for every stream, their parts are numbered alike. */
const HEARTBEAT: FramedMessage = FramedMessage.of(
  backup.StreamStateSnapshotResponse.encode({
    part: {
      $case: "heartbeat",
      value: { reason: backup.HeartbeatReason.WAITING_FOR_STORAGE },
    },
  }).finish(),
);

/** What a forwarder works with. */
export interface ForwarderOptions {
  readonly admission: Admission;
  readonly channels: StorageChannels;
  readonly clock: Clock;
  /** How long storage may be silent in a stream, milliseconds. */
  readonly silenceMsMax?: number;
}

/**
 * Walks every call along the same path and forwards its bytes to storage on the same method:
 * validate, slot, lease, stream, release. Each step is bounded; the executor releases the slot
 * whichever way the call ends, and the call's signal ends the call to storage.
 */
export class Forwarder {
  readonly #options: ForwarderOptions;

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  /** The handler of a method whose messages are bytes. */
  handlerOf(method: MethodDefinition<Buffer, Buffer>): Handler {
    if (method.requestStream) return this.#upload(method.path);
    if (method.responseStream) return this.#stream(method.path);
    return this.#unary(method.path);
  }

  #stream(path: string): Handler {
    const { admission, channels, clock, silenceMsMax } = this.#options;
    const leaseIdOf = leaseIdReader(path);
    return serverStreaming<Buffer, FramedMessage>(async (request, context, frames) => {
      requireLease(leaseIdOf(request));
      await admission.streams.run(context.signal, async () => {
        await stillWanted(context.signal);
        using upstream = new ChildAbort(context.signal);
        using held = channels.forStream();
        const call = this.#upstreamCall(context, upstream.signal);
        const source = held.channel.stream(call.signal, (storage) =>
          storage.serverStreaming(path, request, call),
        );
        await relayFrames(source, frames, {
          clock,
          heartbeat: HEARTBEAT,
          onSilence: (error) => upstream.abort(error),
          ...(silenceMsMax === undefined ? {} : { silenceMsMax }),
        });
      });
    });
  }

  #upload(path: string): Handler {
    const { admission, channels } = this.#options;
    return clientStreaming<Buffer, Buffer>((parts, context) =>
      admission.streams.run(context.signal, async () => {
        await stillWanted(context.signal);
        const call = this.#upstreamCall(context, context.signal);
        return channels.uploads.call(call.signal, (storage) =>
          storage.clientStreaming(path, parts, call),
        );
      }),
    );
  }

  #unary(path: string): Handler {
    const { channels } = this.#options;
    const lane = this.#laneOf(path);
    return unary<Buffer, Buffer>((request, context) =>
      lane.run(context.signal, () => {
        const call = this.#upstreamCall(context, context.signal);
        return channels.unary.call(call.signal, (storage) => storage.unary(path, request, call));
      }),
    );
  }

  #laneOf(path: string): BoundedExecutor {
    const { leases, unary: others } = this.#options.admission;
    return path.startsWith("/holdfast.backup.v1.LeaseService/") ? leases : others;
  }

  /** Storage ends a little before us (of a short time at half), so that its answer is in time. */
  #upstreamCall(context: CallContext, signal: AbortSignal): ClientCall {
    const leftMs = context.deadlineMs - this.#options.clock.monotonicMs();
    if (leftMs <= 0) throw deadlineExceeded();
    return { signal, timeoutMs: leftMs - Math.min(limits.UPSTREAM_DEADLINE_MARGIN_MS, leftMs / 2) };
  }
}

/**
 * A connection that ends takes its calls one by one: the slot of the first goes to the next, who
 * is about to hear that it ends too. After one turn everybody knows, and storage is spared calls
 * that nobody wants.
 */
async function stillWanted(signal: AbortSignal): Promise<void> {
  await setImmediate();
  signal.throwIfAborted();
}
