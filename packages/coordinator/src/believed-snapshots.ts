import type { Archive, SnapshotSummary } from "@holdfast/archive";
import { ChildAbort } from "@holdfast/core";
import { type ArchiveContents, archiveContents } from "./archive-contents.js";
import { type ArchivedSnapshot, archivedSnapshot } from "./snapshot-view.js";

/**
 * The snapshots of an archive as their manifests claim, to go on with while all of these are read:
 * 11 ms of SHA-256 each for 10 M items. Nothing may be published, and no error told, before `check`.
 */
export class BelievedSnapshots implements AsyncDisposable {
  readonly snapshots: readonly ArchivedSnapshot[];
  readonly #claims: readonly SnapshotSummary[];
  readonly #abort: ChildAbort;
  readonly #reading: Promise<ArchiveContents>;

  private constructor(claims: readonly SnapshotSummary[], archive: Archive, signal: AbortSignal) {
    this.#claims = claims;
    this.snapshots = claims.map(archivedSnapshot);
    this.#abort = new ChildAbort(signal);
    this.#reading = archiveContents(archive, this.#abort.signal);
    // Told by `check`, which may come later or never.
    this.#reading.catch(() => undefined);
  }

  /** Begins; null when there is nothing to be believed. @throws ArchiveError ARCHIVE_IO */
  static async of(archive: Archive, signal: AbortSignal): Promise<BelievedSnapshots | null> {
    const claims = await archive.claimedSnapshots();
    return claims === null ? null : new BelievedSnapshots(claims, archive, signal);
  }

  /**
   * Whether all was read and is as claimed; what came meanwhile does not matter.
   * @throws ArchiveError; the signal's reason.
   */
  async check(): Promise<boolean> {
    const { snapshots } = await this.#reading;
    const found = new Map(snapshots.map(({ name, summary }) => [name, summary]));
    return this.#claims.every(({ name }) => found.has(name));
  }

  /** Ends the reading. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort(new Error("nobody asks any more"));
    await this.#reading.catch(() => undefined);
    this.#abort[Symbol.dispose]();
  }
}
