import { isDeepStrictEqual } from "node:util";
import type { Archive, SnapshotSummary } from "@holdfast/archive";
import { ChildAbort } from "@holdfast/core";
import { type ArchiveContents, archiveContents } from "./archive-contents.js";
import { type ArchivedSnapshot, archivedSnapshot } from "./snapshot-view.js";

/** Ends what was begun on the word of a manifest that is not what it claims. */
export class ManifestDamaged extends Error {
  constructor() {
    super("a manifest is not what it claims");
  }
}

/**
 * The snapshots of an archive as their manifests claim, to go on with while all of these are read:
 * 11 ms of SHA-256 each for 10 M items. Nothing may be published before `check`, and no error told
 * that may follow from a claim.
 */
export class BelievedSnapshots implements AsyncDisposable {
  readonly snapshots: readonly ArchivedSnapshot[];
  readonly #claims: readonly SnapshotSummary[];
  /** Of the reading, and of what goes on meanwhile. */
  readonly #reader: ChildAbort;
  readonly #believer: ChildAbort;
  readonly #reading: Promise<ArchiveContents>;

  private constructor(claims: readonly SnapshotSummary[], archive: Archive, signal: AbortSignal) {
    this.#claims = claims;
    this.snapshots = claims.map(archivedSnapshot);
    this.#reader = new ChildAbort(signal);
    this.#believer = new ChildAbort(signal);
    this.#reading = archiveContents(archive, this.#reader.signal);
    // Told by `check`, too, which may come later or never.
    this.check().then(
      (isTrue) => isTrue || this.#believer.abort(new ManifestDamaged()),
      () => undefined,
    );
  }

  /** Ends with `signal`, and with ManifestDamaged as soon as a claim turns out to be false. */
  get signal(): AbortSignal {
    return this.#believer.signal;
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
    return this.#claims.every((claim) => isDeepStrictEqual(found.get(claim.name), claim));
  }

  /** Ends the reading. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#reader.abort(new Error("nobody asks any more"));
    await this.#reading.catch(() => undefined);
    this.#reader[Symbol.dispose]();
    this.#believer[Symbol.dispose]();
  }
}
