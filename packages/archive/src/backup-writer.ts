import type { SnapshotHead, SnapshotSummary } from "./snapshot-head.js";
import type { NewTile, TileLine } from "./tile-line.js";

export interface AddOptions {
  /**
   * The caller has computed SHA-256 of this very body and found it equal to the tile's chunk id,
   * so that it need not be done again.
   * @default false
   */
  readonly digestChecked?: boolean;
}

/** Writes one snapshot. Not for concurrent calls. */
export interface BackupWriter extends AsyncDisposable {
  readonly backupId: string;
  /** As it will be published; of a resumed backup with the time at which it began. */
  readonly head: SnapshotHead;
  /** Whether tiles of an interrupted run count. */
  readonly resumed: boolean;
  /** Path of the last tile that is durable: where a stream resumes; null: none is. */
  readonly lastPath: string | null;
  /** The tiles that are durable already, in order. Only before the first `add`. */
  heldTiles(): AsyncGenerator<TileLine>;
  /**
   * Adds the next tile in ascending order of path; `body` is null for an unchanged tile. The body
   * may be reused once the promise is settled.
   * @throws ArchiveError CHUNK_MISMATCH, ARCHIVE_DISK_FULL, ARCHIVE_IO.
   */
  add(tile: NewTile, body: Uint8Array | null, options?: AddOptions): Promise<void>;
  /**
   * Makes the snapshot exist, durably. Nothing can be added afterwards.
   * @throws ArchiveError BACKUP_INCOMPLETE when the tiles are not what the head promises.
   */
  publish(): Promise<SnapshotSummary>;
  /** Ends the work and keeps what is durable for a resume. After publish or discard: nothing. */
  close(): Promise<void>;
  /** Ends the work and removes it. */
  discard(): Promise<void>;
}
