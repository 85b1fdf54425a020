import type { Damage } from "./archive-error.js";
import type { ArchiveFiles } from "./archive-files.js";
import { manifestFile, parseSnapshotName, SNAPSHOTS } from "./manifest-name.js";
import { ManifestStream, type OnDamage, throwDamage } from "./manifest-stream.js";
import type { SnapshotSummary } from "./snapshot-head.js";

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
