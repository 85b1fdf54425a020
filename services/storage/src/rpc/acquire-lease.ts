import type { lease as wire } from "@holdfast/api";
import { invalidField, limits } from "@holdfast/core";
import type { CallContext } from "@holdfast/rpc";
import type { AcquireRequest } from "../lease/lease.js";
import type { Lessor } from "../lease/lessor.js";
import { leaseMessage, parseDuration, parseLeaseKind, parseText } from "./lease-messages.js";

const HOLDER_BYTES_MAX = 128;
const PURPOSE_BYTES_MAX = 256;

/** AcquireLease: grants or refuses at once. */
export async function acquireLease(
  lessor: Lessor,
  request: wire.AcquireLeaseRequest,
  { signal }: CallContext,
): Promise<wire.AcquireLeaseResponse> {
  const { lease, bounds } = await lessor.acquire(parse(request), signal);
  return {
    lease: leaseMessage(lease),
    oldestStateVersion: bounds?.oldestState,
    oldestJournalVersion: bounds?.oldestJournal,
  };
}

function parse(request: wire.AcquireLeaseRequest): AcquireRequest {
  const kind = parseLeaseKind(request.kind);
  const { pin, ttl } = request;
  if (kind === "exclusive" && pin !== undefined) {
    throw invalidField("pin", "an exclusive lease pins nothing");
  }
  return {
    kind,
    holderLabel: parseText("holder_label", request.holderLabel, 1, HOLDER_BYTES_MAX),
    purpose: parseText("purpose", request.purpose, 0, PURPOSE_BYTES_MAX),
    ttlMs: ttl === undefined ? null : parseDuration("ttl", ttl),
    pin: { fromVersion: pin?.fromVersion ?? null, toVersion: pin?.toVersion ?? null },
    requestId: parseText("request_id", request.requestId, 0, limits.REQUEST_ID_BYTES_MAX),
  };
}
