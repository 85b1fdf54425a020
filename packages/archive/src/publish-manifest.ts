import { ArchiveError, DamageError } from "./archive-error.js";
import type { ArchiveFiles } from "./archive-files.js";
import { writeDigested } from "./digested-writer.js";
import { makeDurableFolder } from "./durable-folder.js";
import { encodeFootStart } from "./foot-text.js";
import { encodeHead } from "./head-text.js";
import { manifestFile, SNAPSHOTS, snapshotName } from "./manifest-name.js";
import { ManifestStream, type TileSums } from "./manifest-stream.js";
import type { SnapshotHead, SnapshotSummary } from "./snapshot-head.js";
import type { WorkFolder } from "./work-folder.js";
import { PART } from "./work-names.js";

/**
 * Puts the manifest of a work folder together and links it into place: from then on the snapshot
 * exists. The same work gives the same manifest, so that doing it again after a crash is harmless.
 * @throws ArchiveError BACKUP_INCOMPLETE.
 */
export async function publishManifest(
  files: ArchiveFiles,
  work: WorkFolder,
): Promise<SnapshotSummary> {
  const { head } = work;
  const part = work.file(`manifest${PART}`);
  const { sums } = work;
  requireWhole(head, sums);
  await files.remove(part);
  const { sha256, bytes } = await writeDigested(files, part, async (writer) => {
    await writer.write(`${encodeHead(head)}\n`);
    for await (const lines of work.lines()) await writer.write(lines);
    return encodeFootStart(sums);
  });
  const name = snapshotName(head, sha256);
  await makeDurableFolder(files, SNAPSHOTS);
  if (!(await files.link(part, manifestFile(name)))) await requireSame(files, name);
  await files.syncFolder(SNAPSHOTS);
  const { tiles, chunks, storedBytes } = sums;
  return { name, head, foot: { tiles, chunks, storedBytes, sha256 }, manifestBytes: bytes };
}

function requireWhole(head: SnapshotHead, sums: TileSums): void {
  if (sums.items === head.items && sums.bytes === head.bytes) return;
  throw new ArchiveError(
    "BACKUP_INCOMPLETE",
    `The tiles hold ${sums.items} items of ${sums.bytes} bytes, the state ${head.items} items of ` +
      `${head.bytes} bytes; take the backup again.`,
    {
      items: `${sums.items}`,
      bytes: `${sums.bytes}`,
      expected_items: `${head.items}`,
      expected_bytes: `${head.bytes}`,
    },
  );
}

/** A manifest of this name was published by an earlier run; it has to be whole. */
async function requireSame(files: ArchiveFiles, name: string): Promise<void> {
  await using there = await ManifestStream.open(files, name);
  if (there !== null) return await there.skipTiles();
  throw new DamageError({
    part: "manifest",
    file: manifestFile(name),
    snapshot: name,
    message: "the manifest was there and is not any more.",
  });
}
