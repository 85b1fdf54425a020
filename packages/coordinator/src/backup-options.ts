import type { SnapshotSummary } from "@holdfast/archive";
import type { ChainLimits } from "./base-choice.js";

/** What to back up, and where to. */
export interface BackupOptions {
  /** Folder or file: URL of the archive; it is made when it is missing or empty. */
  readonly archive: string;
  /** A checkpoint; the newest by default, or that of an interrupted backup. */
  readonly version?: bigint | undefined;
  /** Take a full snapshot also where a delta would do. */
  readonly full: boolean;
  /** Fold every tile before publishing. Deltas are always proved. */
  readonly prove: boolean;
  /** When a chain gets a new full snapshot. @default CHAIN_LIMITS, for each that is not given */
  readonly chain?: Partial<ChainLimits>;
}

/** What a backup did. */
export interface BackupReport {
  readonly snapshot: SnapshotSummary;
  /** The archive held this state already; nothing was written. */
  readonly alreadyThere: boolean;
  /** An interrupted backup was gone on with. */
  readonly resumed: boolean;
  /** Why it is a full snapshot; null for a delta. */
  readonly fullBecause: string | null;
}
