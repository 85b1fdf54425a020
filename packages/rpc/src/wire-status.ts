import type { Metadata, status } from "@grpc/grpc-js";
import type { HoldfastError } from "@holdfast/core";

/** An error as grpc-js sends it. */
export interface WireStatus {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

/** Trailer that carries `google.rpc.Status`. */
export const DETAILS_KEY = "grpc-status-details-bin";

const received: WeakMap<HoldfastError, WireStatus> = new WeakMap();

/** Remembers how an error came over the wire. */
export function keepWireStatus(error: HoldfastError, wire: WireStatus): void {
  received.set(error, wire);
}

/**
 * How an error came over the wire, if it did. Who passes it on sends the same bytes: details and
 * reasons of a newer server reach its client though nobody between them knows what they mean.
 */
export function keptWireStatus(error: HoldfastError): WireStatus | undefined {
  return received.get(error);
}
