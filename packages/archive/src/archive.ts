import type { Clock } from "@holdfast/core";
import { ArchiveError, type Damage } from "./archive-error.js";
import type { BackupWriter } from "./backup-writer.js";
import type { NewSnapshotHead, SnapshotSummary } from "./snapshot-head.js";
import type { SnapshotReader } from "./snapshot-reader.js";

export interface ArchiveOptions {
  /** @default systemClock */
  readonly clock?: Clock;
}

export interface Leftover {
  /** `partial`: a file that never became whole; `pack`: no manifest names it; `work`: a backup that
   * was interrupted and can be resumed. */
  readonly kind: "partial" | "pack" | "work";
  readonly file: string;
  readonly bytes: number;
}

export interface GcResult {
  /** What was deleted, or would be with `dryRun`. */
  readonly collected: readonly Leftover[];
  readonly collectedBytes: number;
  /** Backups under way, which were left alone. */
  readonly running: readonly string[];
}

/** An archive in a local folder. */
export class Archive {
  readonly location: string;
  /** 16 bytes. */
  readonly ledgerId: Buffer;
  readonly createdTime: string;

  private constructor(location: string, ledgerId: Buffer, createdTime: string) {
    this.location = location;
    this.ledgerId = ledgerId;
    this.createdTime = createdTime;
  }

  /** Opens an archive; `location` is a folder or a file: URL. */
  static async open(location: string, _options: ArchiveOptions = {}): Promise<Archive> {
    throw new ArchiveError("ARCHIVE_NOT_FOUND", `${location} does not exist.`);
  }

  /** Opens the archive at `location`, or makes it: folder missing or empty. LEDGER_MISMATCH. */
  static async create(
    location: string,
    ledgerId: Buffer,
    _options: ArchiveOptions = {},
  ): Promise<Archive> {
    return new Archive(location, ledgerId, "");
  }

  /**
   * All snapshots, ascending by version, then by time. A damaged manifest is told to `onDamage` and
   * left out; without it, it is thrown.
   */
  async snapshots(
    _options: { onDamage?: (damage: Damage) => void } = {},
  ): Promise<SnapshotSummary[]> {
    return [];
  }

  /** @throws ArchiveError SNAPSHOT_NOT_FOUND, DamageError. */
  async openSnapshot(name: string): Promise<SnapshotReader> {
    throw new ArchiveError("SNAPSHOT_NOT_FOUND", `No snapshot is named ${name}.`);
  }

  /** Begins a backup, or goes on with an interrupted one of the same head. */
  async beginBackup(
    _head: NewSnapshotHead,
    _options: { readonly resume?: boolean } = {},
  ): Promise<BackupWriter> {
    throw new ArchiveError("ARCHIVE_IO", "");
  }

  /** What no manifest needs; never damage. */
  async leftovers(): Promise<Leftover[]> {
    return [];
  }

  /** Deletes leftovers. @throws ArchiveError ARCHIVE_BUSY, DamageError. */
  async gc(_options: { readonly dryRun?: boolean } = {}): Promise<GcResult> {
    return { collected: [], collectedBytes: 0, running: [] };
  }
}

export interface CheckOptions {
  /** Told every damaged place, in the order found. */
  readonly onDamage?: (damage: Damage) => void;
  /** Told bytes checked so far and bytes to check. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  readonly signal?: AbortSignal;
}

export interface CheckResult {
  readonly snapshots: number;
  readonly packs: number;
  /** Bytes of packs and manifests read. */
  readonly bytes: number;
  /** How many damaged places were found. */
  readonly damages: number;
  readonly leftovers: readonly Leftover[];
}

/** Compares every byte of what a manifest is or names with its digest. */
export async function checkArchive(
  _location: string,
  _options: CheckOptions = {},
): Promise<CheckResult> {
  return { snapshots: 0, packs: 0, bytes: 0, damages: 0, leftovers: [] };
}
