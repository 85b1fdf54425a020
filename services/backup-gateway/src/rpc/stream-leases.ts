import { backup } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";

type LeaseIdOf = (request: Buffer) => string;
interface Decoder {
  decode(bytes: Buffer): { readonly leaseId: string };
}

const { BackupServiceService } = backup;

/** The requests of streams, by the path of their method. */
const STREAMS: ReadonlyMap<string, Decoder> = new Map<string, Decoder>([
  [BackupServiceService.streamStateSnapshot.path, backup.StreamStateSnapshotRequest],
  [BackupServiceService.streamStateTiles.path, backup.StreamStateTilesRequest],
  [BackupServiceService.streamStateChanges.path, backup.StreamStateChangesRequest],
]);

/**
 * How to read the lease id from a stream's request.
 * @throws Error for a method that is not listed here: every stream needs a lease.
 */
export function leaseIdReader(path: string): LeaseIdOf {
  const decoder = STREAMS.get(path);
  if (decoder === undefined) throw new Error(`${path} streams, and its lease is not known`);
  return (request) => {
    try {
      return decoder.decode(request).leaseId;
    } catch (cause) {
      throw new HoldfastError(
        "INVALID_REQUEST",
        "The request is not a valid message of this method.",
        { cause },
      );
    }
  };
}
