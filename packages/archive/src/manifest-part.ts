import { ArchiveError, DamageError } from "./archive-error.js";
import type { ArchiveFiles } from "./archive-files.js";
import { DigestedWriter } from "./digested-writer.js";
import { makeDurableFolder } from "./durable-folder.js";
import { encodeFootStart } from "./foot-text.js";
import { encodeHead } from "./head-text.js";
import { manifestFile, SNAPSHOTS, snapshotName } from "./manifest-name.js";
import { ManifestStream } from "./manifest-stream.js";
import type { SegmentLines } from "./pending-lines.js";
import type { SnapshotHead, SnapshotSummary } from "./snapshot-head.js";
import type { TileSums } from "./tile-sums.js";
import type { WorkFolder } from "./work-folder.js";
import { PART } from "./work-names.js";

/**
 * The manifest of a backup under way: it gets the lines of each segment when that is durable, so
 * that publishing waits for the last ones only. Who takes a work folder over puts it together anew.
 */
export class ManifestPart {
  readonly #files: ArchiveFiles;
  readonly #work: WorkFolder;
  readonly #writer: DigestedWriter;

  private constructor(files: ArchiveFiles, work: WorkFolder, writer: DigestedWriter) {
    this.#files = files;
    this.#work = work;
    this.#writer = writer;
  }

  /**
   * Begins it with the head, and with the lines of all segments there are.
   * @throws DamageError when one of them is not what was written.
   */
  static async begin(files: ArchiveFiles, work: WorkFolder): Promise<ManifestPart> {
    const file = partFile(work);
    await files.remove(file);
    const writer = await DigestedWriter.create(files, file);
    try {
      await writer.write(`${encodeHead(work.head)}\n`);
      for await (const lines of work.lines()) await writer.write(lines);
    } catch (error) {
      await writer.abandon();
      throw error;
    }
    return new ManifestPart(files, work, writer);
  }

  /** Adds the lines of the next segment. */
  async add({ blocks }: SegmentLines): Promise<void> {
    for (const block of blocks) await this.#writer.write(block);
    await this.#writer.syncIfMuch();
  }

  /**
   * Makes it whole and links it into place: from then on the snapshot exists. The same work gives
   * the same manifest, so that doing it again after a crash is harmless.
   * @throws ArchiveError BACKUP_INCOMPLETE.
   */
  async publish(): Promise<SnapshotSummary> {
    const files = this.#files;
    const { head, sums } = this.#work;
    requireWhole(head, sums);
    const { sha256, bytes } = await this.#writer.finish(encodeFootStart(sums));
    const name = snapshotName(head, sha256);
    await makeDurableFolder(files, SNAPSHOTS);
    if (!(await files.link(partFile(this.#work), manifestFile(name)))) {
      await requireSame(files, name);
    }
    await files.syncFolder(SNAPSHOTS);
    const { tiles, chunks, storedBytes } = sums;
    return { name, head, foot: { tiles, chunks, storedBytes, sha256 }, manifestBytes: bytes };
  }

  /** Closes the file; it stays for its owner to delete. */
  async abandon(): Promise<void> {
    await this.#writer.abandon();
  }
}

function partFile(work: WorkFolder): string {
  return work.file(`manifest${PART}`);
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
