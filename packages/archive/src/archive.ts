import { randomBytes } from "node:crypto";
import { type Clock, HoldfastError, systemClock } from "@holdfast/core";
import { ArchiveError } from "./archive-error.js";
import type { ArchiveFiles } from "./archive-files.js";
import { openFolder, openOrMakeFolder, requireArchiveFolder } from "./archive-folder.js";
import { ARCHIVE_JSON, type ArchiveIdentity, requireLedger } from "./archive-json.js";
import { PACK_BYTES_TARGET } from "./archive-limits.js";
import { folderOf } from "./archive-location.js";
import { BackupWriter } from "./backup-writer.js";
import { ArchiveCheck, type CheckOptions, type CheckResult } from "./check-archive.js";
import { claimedSnapshots } from "./claimed-snapshots.js";
import {
  collectGarbage,
  findLeftovers,
  type GcOptions,
  type GcResult,
  type Leftover,
} from "./garbage.js";
import { headContradiction } from "./head-text.js";
import {
  type ListOptions,
  listSnapshots,
  snapshotNames,
  summariseSnapshot,
} from "./list-snapshots.js";
import { LocalFiles } from "./local-files.js";
import { manifestFile } from "./manifest-name.js";
import { packFile } from "./pack-format.js";
import { resumableWork, unfinishedHeads } from "./resumable-work.js";
import type { NewSnapshotHead, SnapshotHead, SnapshotSummary } from "./snapshot-head.js";
import { SnapshotReader } from "./snapshot-reader.js";
import { WorkFolder } from "./work-folder.js";

/** What an archive is opened with; the defaults are the real things. */
export interface ArchiveOptions {
  /** Says when a backup began. @default systemClock */
  readonly clock?: Clock;
  /** Where the files are. @default the folder that the location names */
  readonly files?: ArchiveFiles;
  /** A pack is closed before a record that would make it larger, bytes. @default 64 MiB */
  readonly packBytes?: number;
}

/** Folders that a gc may empty below a new work folder before this gives up. */
const WORK_ATTEMPTS_MAX = 8;

/** An archive in a local folder. */
export class Archive {
  readonly location: string;
  /** 16 bytes. */
  readonly ledgerId: Buffer;
  /** RFC 3339, UTC. */
  readonly createdTime: string;
  readonly #files: ArchiveFiles;
  readonly #clock: Clock;
  readonly #packBytes: number;

  private constructor(
    location: string,
    identity: ArchiveIdentity,
    options: Required<ArchiveOptions>,
  ) {
    this.location = location;
    this.ledgerId = identity.ledgerId;
    this.createdTime = identity.createdTime;
    this.#files = options.files;
    this.#clock = options.clock;
    this.#packBytes = options.packBytes;
  }

  /**
   * Opens an archive; `location` is a folder or a file: URL.
   * @throws ArchiveError ARCHIVE_NOT_FOUND, NOT_AN_ARCHIVE, ARCHIVE_FORMAT_NEWER,
   * ARCHIVE_LOCATION_UNSUPPORTED; DamageError.
   */
  static async open(location: string, options: ArchiveOptions = {}): Promise<Archive> {
    const complete = completeOptions(location, options);
    return new Archive(location, await openFolder(complete.files, location), complete);
  }

  /**
   * Opens the archive at `location`, or makes it where the folder is missing or empty.
   * @throws ArchiveError LEDGER_MISMATCH when it is another ledger's, NOT_AN_ARCHIVE when the
   * folder holds something else; as `open`.
   */
  static async create(
    location: string,
    ledgerId: Buffer,
    options: ArchiveOptions = {},
  ): Promise<Archive> {
    const complete = completeOptions(location, options);
    const fresh = { ledgerId, createdTime: timeText(complete.clock) };
    const identity = await openOrMakeFolder(complete.files, location, fresh);
    requireLedger(ledgerId, identity.ledgerId);
    return new Archive(location, identity, complete);
  }

  /**
   * All snapshots, ascending by version, then by time. A manifest that is damaged, or that the disk
   * refuses to read, is told to `onDamage` and left out, one of a newer format to `onNewer`; without
   * them, the error is thrown.
   */
  async snapshots(options: ListOptions = {}): Promise<SnapshotSummary[]> {
    return await listSnapshots(this.#files, this.ledgerId, options);
  }

  /**
   * What `snapshots` will list unless something is damaged, by the first and last lines of the
   * manifests alone; null when that shows damage, or something else to be told.
   * @throws ArchiveError ARCHIVE_IO when they cannot be listed.
   */
  async claimedSnapshots(): Promise<SnapshotSummary[] | null> {
    return await claimedSnapshots(this.#files, this.ledgerId);
  }

  /**
   * Opens a snapshot for reading.
   * @throws ArchiveError SNAPSHOT_NOT_FOUND; DamageError when its manifest is damaged.
   */
  async openSnapshot(name: string): Promise<SnapshotReader> {
    const summary = await summariseSnapshot(this.#files, name);
    if (summary === null) {
      throw new ArchiveError(
        "SNAPSHOT_NOT_FOUND",
        `No snapshot is named ${name}; list them with 'archive ls'.`,
        { snapshot: name },
      );
    }
    return new SnapshotReader(this.#files, summary);
  }

  /**
   * Begins a backup; with `resume` it goes on with an interrupted one of the same head (time apart)
   * that nobody else goes on with.
   * @throws HoldfastError PROOF_INVALID when the head contradicts itself; ArchiveError.
   */
  async beginBackup(
    head: NewSnapshotHead,
    options: { readonly resume?: boolean } = {},
  ): Promise<BackupWriter> {
    requireLedger(head.ledgerId, this.ledgerId);
    const why = headContradiction(head);
    if (why !== null) throw new HoldfastError("PROOF_INVALID", `The snapshot's head: ${why}.`);
    const work =
      (options.resume === true ? await resumableWork(this.#files, head) : null) ??
      (await this.#newWork(head));
    try {
      const lastPath = await work.restoreSegments(
        async (pack) => (await this.#files.fileBytes(packFile(pack))) !== null,
      );
      return new BackupWriter(this.#files, work, { lastPath, packBytes: this.#packBytes });
    } catch (error) {
      await work.release();
      throw error;
    }
  }

  /** Heads of interrupted backups that nobody goes on with at the moment. */
  async unfinishedBackups(): Promise<SnapshotHead[]> {
    return await unfinishedHeads(this.#files);
  }

  /** What no manifest needs; never damage. */
  async leftovers(): Promise<readonly Leftover[]> {
    return await findLeftovers(this.#files);
  }

  /**
   * Deletes what no manifest needs; backups under way are left alone. With `dryRun` it only says
   * what it would delete.
   * @throws ArchiveError ARCHIVE_BUSY; DamageError when a manifest cannot be read: then nobody
   * knows what it needs, and nothing is deleted; the signal's reason.
   */
  async gc(options: Partial<GcOptions> = {}): Promise<GcResult> {
    return await collectGarbage(this.#files, { dryRun: false, ...options });
  }

  async #newWork(head: NewSnapshotHead): Promise<WorkFolder> {
    for (let attempt = 0; attempt < WORK_ATTEMPTS_MAX; attempt++) {
      const id = randomBytes(16).toString("hex");
      const complete = { ...head, createdTime: timeText(this.#clock) };
      const work = await WorkFolder.create(this.#files, id, complete);
      if (work !== null) return work;
    }
    throw new ArchiveError("ARCHIVE_BUSY", "Every new work folder was collected at once.");
  }
}

/**
 * Compares every byte of what a manifest is or names, and of `archive.json`, with its digest, and
 * reports all damage. Whether tiles fold to their roots is not its question.
 * @throws ArchiveError ARCHIVE_NOT_FOUND, NOT_AN_ARCHIVE, ARCHIVE_FORMAT_NEWER; never for damage.
 */
export async function checkArchive(
  location: string,
  options: CheckOptions & ArchiveOptions = {},
): Promise<CheckResult> {
  const { files } = completeOptions(location, options);
  if ((await files.fileBytes(ARCHIVE_JSON)) === null) await requireArchiveFolder(files, location);
  return await new ArchiveCheck(files, options).run();
}

/**
 * Bytes of the newest manifest at a location, which tell of how large a state it is; null where
 * there is none. Nothing is read.
 * @throws ArchiveError ARCHIVE_LOCATION_UNSUPPORTED, ARCHIVE_IO.
 */
export async function newestManifestBytes(
  location: string,
  options: ArchiveOptions = {},
): Promise<number | null> {
  const { files } = completeOptions(location, options);
  const newest = (await snapshotNames(files)).at(-1);
  return newest === undefined ? null : await files.fileBytes(manifestFile(newest));
}

function completeOptions(location: string, options: ArchiveOptions): Required<ArchiveOptions> {
  return {
    clock: options.clock ?? systemClock,
    files: options.files ?? new LocalFiles(folderOf(location)),
    packBytes: options.packBytes ?? PACK_BYTES_TARGET,
  };
}

function timeText(clock: Clock): string {
  return new Date(Number(clock.wallUs() / 1000n)).toISOString();
}
