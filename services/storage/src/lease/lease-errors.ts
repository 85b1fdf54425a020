import { HoldfastError, type Reason } from "@holdfast/core";
import type { LeaseEnd, LeaseView } from "./lease.js";

/** Who is refused need not ask more often, milliseconds; a holder may release at any time. */
const RETRY_AFTER_MS_MAX = 1_000;

/** NO_SLOT: each writing call waits for those before it. */
export function tooManyWaiting(): HoldfastError {
  return new HoldfastError("NO_SLOT", "Too many calls wait for the lease table.", {
    retryAfterMs: RETRY_AFTER_MS_MAX,
  });
}

/** TABLE_FULL: leases end by themselves. */
export function tableFull(): HoldfastError {
  return new HoldfastError("TABLE_FULL", "The lease table is full. Try again later.", {
    retryAfterMs: RETRY_AFTER_MS_MAX,
  });
}

/** LEASE_HELD: names the holder, and says when to come back. */
export function leaseHeld(holder: LeaseView, remainingMs: number): HoldfastError {
  const since = timeText(holder.acquireTimeUs);
  return new HoldfastError(
    "LEASE_HELD",
    `A ${holder.kind} lease is held by ${holder.holderLabel} since ${since}. Try again later.`,
    {
      metadata: {
        lease_id: holder.leaseId,
        kind: holder.kind,
        holder: holder.holderLabel,
        purpose: holder.purpose,
        since,
        expiry: timeText(holder.expireTimeUs),
        token: `${holder.token}`,
      },
      retryAfterMs: Math.max(1, Math.min(Math.ceil(remainingMs), RETRY_AFTER_MS_MAX)),
    },
  );
}

const ENDS: Readonly<Record<LeaseEnd, { readonly reason: Reason; readonly text: string }>> = {
  expired: { reason: "LEASE_EXPIRED", text: "was not renewed within its TTL" },
  released: { reason: "LEASE_RELEASED", text: "was released" },
  broken: { reason: "LEASE_BROKEN", text: "was broken by an operator" },
};

/** LEASE_EXPIRED, LEASE_RELEASED or LEASE_BROKEN. */
export function leaseEnded(leaseId: string, end: LeaseEnd): HoldfastError {
  const { reason, text } = ENDS[end];
  return new HoldfastError(reason, `Lease ${leaseId} ${text}. Acquire a new one.`, {
    metadata: { lease_id: leaseId },
  });
}

/** LEASE_UNKNOWN. */
export function leaseUnknown(leaseId: string): HoldfastError {
  return new HoldfastError("LEASE_UNKNOWN", `There is no lease ${leaseId}. Acquire one.`, {
    metadata: { lease_id: leaseId },
  });
}

/** LEASE_REQUIRED: the call carries no lease, or one of the other kind. */
export function leaseRequired(kind: "shared" | "exclusive"): HoldfastError {
  const article = kind === "shared" ? "a shared" : "an exclusive";
  return new HoldfastError(
    "LEASE_REQUIRED",
    `The call needs the id of ${article} lease. Acquire one first.`,
    { metadata: { kind } },
  );
}

/** FENCED, with both tokens. */
export function fenced(token: bigint, currentToken: bigint): HoldfastError {
  return new HoldfastError(
    "FENCED",
    `Fencing token ${token} is not ${currentToken}, which holds now. Another job has taken over.`,
    { metadata: { token: `${token}`, current_token: `${currentToken}` } },
  );
}

function timeText(us: bigint): string {
  return new Date(Number(us / 1000n)).toISOString();
}
