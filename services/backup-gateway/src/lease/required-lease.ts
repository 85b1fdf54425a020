import { HoldfastError } from "@holdfast/core";

/**
 * The early half of the lease check: a stream that names no lease goes no further. Whether the
 * lease holds, storage alone decides, at every frame.
 * @throws LEASE_REQUIRED.
 */
export function requireLease(leaseId: string): void {
  if (leaseId !== "") return;
  throw new HoldfastError(
    "LEASE_REQUIRED",
    "A stream needs the id of a shared lease that pins what it reads. Acquire one and renew it.",
  );
}
