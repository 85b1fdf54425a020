import { type Archive, type ArchiveError, DamageError } from "@holdfast/archive";
import { type ArchivedSnapshot, archivedSnapshot } from "./snapshot-view.js";

/** What an archive lists: the snapshots that can be read, and why the others cannot. */
export interface ArchiveContents {
  /** Ascending by version, then by time. */
  readonly snapshots: readonly ArchivedSnapshot[];
  /** At least one for each manifest that is left out. */
  readonly leftOut: readonly LeftOut[];
}

/** Why a manifest is left out. */
export interface LeftOut {
  /** Below the archive's folder, with `/`. */
  readonly file: string;
  /** DamageError, or ARCHIVE_FORMAT_NEWER. */
  readonly error: ArchiveError;
}

/**
 * Reads all manifests; one that is damaged, or of a newer format, is for the caller to judge.
 * @throws ArchiveError; the signal's reason.
 */
export async function archiveContents(
  archive: Archive,
  signal: AbortSignal,
): Promise<ArchiveContents> {
  const leftOut: LeftOut[] = [];
  const summaries = await archive.snapshots({
    onDamage: (damage) => leftOut.push({ file: damage.file, error: new DamageError(damage) }),
    onNewer: (error, file) => leftOut.push({ file, error }),
    signal,
  });
  return { snapshots: summaries.map(archivedSnapshot), leftOut };
}

/**
 * For who adds a snapshot: it has to go on from all that are there.
 * @throws ArchiveError ARCHIVE_FORMAT_NEWER when one of them cannot be looked at.
 */
export function requireKnownFormats({ leftOut }: ArchiveContents): void {
  const newer = leftOut.find(({ error }) => isNewer(error));
  if (newer !== undefined) throw newer.error;
}

/** Tells of a manifest that is left out and does not matter. */
export function tellLeftOut({ file, error }: LeftOut): string {
  if (isNewer(error)) return `${error.message} It is left out.`;
  const what = error instanceof DamageError ? error.damage.message : error.message;
  return `${file} is damaged and left out: ${what}`;
}

/** True for ARCHIVE_FORMAT_NEWER. */
export function isNewer({ code }: ArchiveError): boolean {
  return code === "ARCHIVE_FORMAT_NEWER";
}

/** The name of the snapshot whose manifest is left out. */
export function nameOf({ file }: LeftOut): string {
  return file.replace(/^.*\//, "").replace(/\.jsonl$/, "");
}

/** The version in the name of a manifest. */
export function versionOf(file: string): bigint | null {
  const digits = /(?:^|\/)(\d{20})-/.exec(file)?.[1];
  return digits === undefined ? null : BigInt(digits);
}
