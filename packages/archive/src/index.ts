export {
  Archive,
  type ArchiveOptions,
  type CheckOptions,
  type CheckResult,
  checkArchive,
  type GcResult,
  type Leftover,
} from "./archive.js";
export {
  ArchiveError,
  type ArchiveErrorCode,
  type ArchiveErrorMetadata,
  type Damage,
  DamageError,
  type DamagePart,
} from "./archive-error.js";
export type { AddOptions, BackupWriter } from "./backup-writer.js";
export type {
  NewSnapshotHead,
  SnapshotBase,
  SnapshotFoot,
  SnapshotHead,
  SnapshotHistory,
  SnapshotSummary,
} from "./snapshot-head.js";
export type { SnapshotReader, TileWithBody } from "./snapshot-reader.js";
export type {
  ChangedTile,
  ChunkLine,
  FullTile,
  NewTile,
  RecordPlace,
  TileLine,
  UnchangedTile,
} from "./tile-line.js";
