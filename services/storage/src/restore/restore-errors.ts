import { HoldfastError } from "@holdfast/core";

/** SESSION_UNKNOWN. */
export function sessionUnknown(sessionId: string): HoldfastError {
  return new HoldfastError(
    "SESSION_UNKNOWN",
    `There is no unfinished restore ${sessionId}. Begin the restore again.`,
    { metadata: { session_id: sessionId } },
  );
}

/** PROOF_INVALID for a tile. */
export function tileInvalid(path: string, what: string): HoldfastError {
  return new HoldfastError("PROOF_INVALID", `Tile ${path} ${what}.`, { metadata: { path } });
}

/** DISK_LOW: a restore takes more room than there is. */
export function diskLow(free: bigint, needed: bigint): HoldfastError {
  return new HoldfastError(
    "DISK_LOW",
    `The restore needs ${needed} bytes of disk and ${free} are free. Free or add disk.`,
    { metadata: { free_bytes: `${free}`, needed_bytes: `${needed}` } },
  );
}

/** CANCELLED, for an upload whose restore has ended. */
export function ended(how: string): HoldfastError {
  return new HoldfastError("CANCELLED", `The restore was ${how} meanwhile.`);
}
