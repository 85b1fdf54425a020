export { Archive, type ArchiveOptions, checkArchive, newestManifestBytes } from "./archive.js";
export {
  ArchiveError,
  type ArchiveErrorCode,
  type ArchiveErrorMetadata,
  type Damage,
  DamageError,
  type DamagePart,
} from "./archive-error.js";
export type {
  ArchiveFiles,
  FileLock,
  ListedEntry,
  LockOptions,
  ReadableFile,
  WritableFile,
} from "./archive-files.js";
export { type AddOptions, BackupWriter } from "./backup-writer.js";
export type { CheckOptions, CheckResult } from "./check-archive.js";
export type { GcResult, Leftover } from "./garbage.js";
export { LocalFiles } from "./local-files.js";
export type { OnDamage } from "./manifest-stream.js";
export type { OnNewer } from "./newer-manifest.js";
export type {
  NewSnapshotHead,
  SnapshotBase,
  SnapshotFoot,
  SnapshotHead,
  SnapshotHistory,
  SnapshotSummary,
} from "./snapshot-head.js";
export { SnapshotReader, type TileWithBody } from "./snapshot-reader.js";
export type {
  ChangedTile,
  ChunkLine,
  FullTile,
  NewTile,
  RecordPlace,
  TileLine,
  UnchangedTile,
} from "./tile-line.js";
