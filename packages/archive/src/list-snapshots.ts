import type { Damage } from "./archive-error.js";
import type { ArchiveFiles } from "./archive-files.js";
import { manifestFile, parseSnapshotName, SNAPSHOTS } from "./manifest-name.js";
import { ManifestStream, type OnDamage, throwDamage } from "./manifest-stream.js";
import { type OnNewer, throwNewer, unlessNewer } from "./newer-manifest.js";
import { unreadable } from "./pack-check.js";
import type { SnapshotSummary } from "./snapshot-head.js";

/** How snapshots are listed. */
export interface ListOptions {
  /** Told what is damaged, and so left out. */
  readonly onDamage?: OnDamage;
  /** Told of each manifest of a newer format, ARCHIVE_FORMAT_NEWER; without it, that is thrown. */
  readonly onNewer?: OnNewer;
  /** Ends it; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/**
 * All snapshots of a ledger's archive, ascending by version, then by time. A manifest that is
 * damaged, or that the disk refuses to read, is told to `onDamage` and left out, one of a newer
 * format to `onNewer`; without them, the error is thrown.
 */
export async function listSnapshots(
  files: ArchiveFiles,
  ledgerId: Buffer,
  options: ListOptions,
): Promise<SnapshotSummary[]> {
  const onDamage = options.onDamage ?? throwDamage;
  for (const damage of await strangeManifests(files)) onDamage(damage);
  const found: SnapshotSummary[] = [];
  for (const name of await snapshotNames(files)) {
    options.signal?.throwIfAborted();
    const summary = await unlessNewer(name, options.onNewer ?? throwNewer, () =>
      readSummary(files, name, options.onDamage),
    );
    if (summary === null) continue;
    if (summary.head.ledgerId.equals(ledgerId)) found.push(summary);
    else onDamage(manifestDamage(name, OTHER_LEDGER));
  }
  return found.sort(byVersionThenTime);
}

/** Names of all snapshots, ascending: by version first. */
export async function snapshotNames(files: ArchiveFiles): Promise<string[]> {
  const entries = (await files.list(SNAPSHOTS)) ?? [];
  return entries.flatMap((entry) => {
    const name = entry.name.replace(/\.jsonl$/, "");
    return name !== entry.name && parseSnapshotName(name) !== null ? [name] : [];
  });
}

/** Manifests whose name is none: renamed by hand, or the name was damaged. */
export async function strangeManifests(files: ArchiveFiles): Promise<Damage[]> {
  const entries = (await files.list(SNAPSHOTS)) ?? [];
  return entries
    .filter(({ name }) => name.endsWith(".jsonl"))
    .filter(({ name }) => parseSnapshotName(name.replace(/\.jsonl$/, "")) === null)
    .map(({ name }) => ({
      part: "manifest",
      file: `${SNAPSHOTS}/${name}`,
      message: "its name is not a snapshot's; rename it or move it out of the archive.",
    }));
}

/** Of a manifest that got into the archive of a ledger that is not its own. */
export const OTHER_LEDGER = "it is of another ledger than the archive.";

/** What is wrong with a manifest. */
export function manifestDamage(name: string, message: string): Damage {
  return { part: "manifest", file: manifestFile(name), snapshot: name, message };
}

/**
 * Head and foot of a snapshot, its digest compared; null when there is none of this name.
 * @throws DamageError, unless `onDamage` takes it; then a damaged one is null too.
 */
export async function summariseSnapshot(
  files: ArchiveFiles,
  name: string,
  onDamage: OnDamage = throwDamage,
): Promise<SnapshotSummary | null> {
  if (parseSnapshotName(name) === null) return null;
  let isWhole = true;
  await using manifest = await ManifestStream.open(files, name, (damage) => {
    isWhole = false;
    onDamage(damage);
  });
  await manifest?.skipTiles();
  if (!isWhole) return null;
  const head = manifest?.head;
  const foot = manifest?.foot;
  if (manifest === null || !head || !foot) return null;
  return { name, head, foot, manifestBytes: manifest.bytes };
}

/** Null for a manifest that is left out. */
async function readSummary(
  files: ArchiveFiles,
  name: string,
  onDamage: OnDamage | undefined,
): Promise<SnapshotSummary | null> {
  if (onDamage === undefined) return await summariseSnapshot(files, name);
  const summary = await unreadable(() => summariseSnapshot(files, name, onDamage));
  if (typeof summary !== "string") return summary;
  onDamage(manifestDamage(name, summary));
  return null;
}

/** Order of snapshots in a listing. */
export function byVersionThenTime(a: SnapshotSummary, b: SnapshotSummary): number {
  if (a.head.version !== b.head.version) return a.head.version < b.head.version ? -1 : 1;
  if (a.head.createdTime !== b.head.createdTime) {
    return a.head.createdTime < b.head.createdTime ? -1 : 1;
  }
  return a.name < b.name ? -1 : 1;
}
