/** Codes of what can go wrong with an archive; stable, scripts match on them. */
export type ArchiveErrorCode =
  /** There is nothing at this place. */
  | "ARCHIVE_NOT_FOUND"
  /** The folder holds something, but not an archive. */
  | "NOT_AN_ARCHIVE"
  /** A newer Holdfast wrote this archive. */
  | "ARCHIVE_FORMAT_NEWER"
  /** The location is of a kind that is not supported. */
  | "ARCHIVE_LOCATION_UNSUPPORTED"
  /** The archive belongs to another ledger. */
  | "LEDGER_MISMATCH"
  /** No snapshot has this name. */
  | "SNAPSHOT_NOT_FOUND"
  /** What was added is not the whole of what the head promises. */
  | "BACKUP_INCOMPLETE"
  /** A body does not have the digest that its tile names. */
  | "CHUNK_MISMATCH"
  /** Another process deletes in this archive. */
  | "ARCHIVE_BUSY"
  /** flock(1) is missing or failed, so that no lock can be taken. */
  | "LOCK_UNAVAILABLE"
  /** The disk is full. */
  | "ARCHIVE_DISK_FULL"
  /** The operating system refused to read or write. */
  | "ARCHIVE_IO"
  /** Bytes are not what was written. */
  | "DAMAGED";

/** Variables of a message, as text. */
export type ArchiveErrorMetadata = Readonly<Record<string, string>>;

/** An expected failure of an archive; the message says what happened and what to do next. */
export class ArchiveError extends Error {
  override readonly name: string = "ArchiveError";
  readonly code: ArchiveErrorCode;
  readonly metadata: ArchiveErrorMetadata;

  constructor(
    code: ArchiveErrorCode,
    message: string,
    metadata: ArchiveErrorMetadata = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.metadata = metadata;
  }
}

/** Which part of an archive is damaged. */
export type DamagePart = "archive" | "manifest" | "base" | "pack" | "chunk";

/** One damaged place. Leftovers are never damage. */
export interface Damage {
  /** `base`: a delta's base snapshot is not in the archive. */
  readonly part: DamagePart;
  /** File below the archive's folder, with `/`. */
  readonly file: string;
  /** One plain sentence. */
  readonly message: string;
  /** Name of a snapshot that needs the damaged bytes. */
  readonly snapshot?: string;
  /** Line of the manifest, from 1. */
  readonly line?: number;
  /** Pack id, hex. */
  readonly pack?: string;
  /** Chunk id, hex. */
  readonly chunk?: string;
  /** Path of the tile whose chunk it is. */
  readonly path?: string;
  /** Key hashes of the tile, hex: from `start` up to but without `end` (null: to the end). */
  readonly keyRange?: { readonly start: string; readonly end: string | null };
}

/** DAMAGED: bytes of the archive are not what was written. */
export class DamageError extends ArchiveError {
  override readonly name: string = "DamageError";
  readonly damage: Damage;

  constructor(damage: Damage, cause?: unknown) {
    const metadata: Record<string, string> = { file: damage.file };
    if (damage.snapshot !== undefined) metadata["snapshot"] = damage.snapshot;
    if (damage.pack !== undefined) metadata["pack"] = damage.pack;
    if (damage.chunk !== undefined) metadata["chunk"] = damage.chunk;
    if (damage.path !== undefined) metadata["path"] = damage.path;
    super("DAMAGED", `${damage.file}: ${damage.message}`, metadata, cause);
    this.damage = damage;
  }
}
