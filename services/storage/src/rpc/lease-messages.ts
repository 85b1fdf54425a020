import { type googleProtobufDuration, lease as wire } from "@holdfast/api";
import { invalidField } from "@holdfast/core";
import type { LeaseKind, LeaseState, LeaseView } from "../lease/lease.js";
import { timestampMessage } from "./state-messages.js";

const KINDS: Readonly<Record<LeaseKind, wire.LeaseKind>> = {
  shared: wire.LeaseKind.SHARED,
  exclusive: wire.LeaseKind.EXCLUSIVE,
};

const STATES: Readonly<Record<LeaseState, wire.LeaseState>> = {
  active: wire.LeaseState.ACTIVE,
  expired: wire.LeaseState.EXPIRED,
  released: wire.LeaseState.RELEASED,
  broken: wire.LeaseState.BROKEN,
};

/** A lease as on the wire. */
export function leaseMessage(lease: LeaseView): wire.Lease {
  return {
    leaseId: lease.leaseId,
    fencingToken: lease.token,
    kind: KINDS[lease.kind],
    state: STATES[lease.state],
    holderLabel: lease.holderLabel,
    purpose: lease.purpose,
    acquireTime: timestampMessage(lease.acquireTimeUs),
    expireTime: timestampMessage(lease.expireTimeUs),
    ttl: durationMessage(lease.ttlMs),
    pin: lease.pin ?? undefined,
    historyId: lease.historyId ?? Buffer.alloc(0),
  };
}

/** @throws INVALID_REQUEST */
export function parseLeaseKind(kind: wire.LeaseKind): LeaseKind {
  if (kind === wire.LeaseKind.SHARED) return "shared";
  if (kind === wire.LeaseKind.EXCLUSIVE) return "exclusive";
  throw invalidField("kind", "shared or exclusive");
}

/** Milliseconds, rounded up, as far as a number holds them exactly. @throws INVALID_REQUEST */
export function parseDuration(field: string, duration: googleProtobufDuration.Duration): number {
  const { seconds, nanos } = duration;
  if (seconds < 0n || nanos < 0 || nanos > 999_999_999) {
    throw invalidField(field, "a duration is not negative and has less than 10^9 nanos");
  }
  const wholeMs = Number(seconds) * 1_000;
  return Math.min(wholeMs + Math.ceil(nanos / 1_000_000), Number.MAX_SAFE_INTEGER);
}

/** @throws INVALID_REQUEST when the text has too many bytes, or none although it must. */
export function parseText(field: string, text: string, bytesMin: number, bytesMax: number): string {
  const bytes = Buffer.byteLength(text);
  if (bytes < bytesMin || bytes > bytesMax) {
    throw invalidField(field, `${bytesMin} to ${bytesMax} bytes`);
  }
  return text;
}

function durationMessage(ms: number): googleProtobufDuration.Duration {
  return { seconds: BigInt(Math.floor(ms / 1_000)), nanos: (ms % 1_000) * 1_000_000 };
}
