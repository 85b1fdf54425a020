import { ArchiveError } from "./archive-error.js";
import type { ArchiveFiles, FileLock } from "./archive-files.js";
import { makeDurableFolder } from "./durable-folder.js";
import { packFile, packFolder } from "./pack-format.js";

/** Lock of whoever deletes in an archive. */
const ARCHIVE_LOCK = "LOCK";

/**
 * Gives a closed pack its name, durably, and deletes the part's. The caller's work folder lists it
 * already.
 *
 * A pack of this name has the same content; it may be a leftover that a gc is about to delete, as it
 * looked at our list before we wrote it. So it is replaced while we hold the deleter's lock: a gc
 * that begins later sees our list. The copy is healthy, too.
 * @throws ArchiveError ARCHIVE_BUSY when a gc runs on for longer than `waitSeconds`.
 */
export async function placePack(
  files: ArchiveFiles,
  part: string,
  pack: string,
  waitSeconds: number,
): Promise<void> {
  await makeDurableFolder(files, packFolder(pack));
  if (await files.link(part, packFile(pack))) {
    await files.syncFolder(packFolder(pack));
    await files.remove(part);
    return;
  }
  const lock = await lockDeleter(files, waitSeconds);
  try {
    await files.rename(part, packFile(pack));
    await files.syncFolder(packFolder(pack));
  } finally {
    await lock.release();
  }
}

/** Takes the lock of the one deleter. @throws ArchiveError ARCHIVE_BUSY. */
export async function lockDeleter(files: ArchiveFiles, waitSeconds: number): Promise<FileLock> {
  if ((await files.fileBytes(ARCHIVE_LOCK)) === null) {
    // Another may make it at the same time.
    await files
      .create(ARCHIVE_LOCK)
      .then((file) => file.close())
      .catch(async (error: unknown) => {
        if ((await files.fileBytes(ARCHIVE_LOCK)) === null) throw error;
      });
  }
  const lock = await files.lock(ARCHIVE_LOCK, { waitSeconds });
  if (lock !== null) return lock;
  throw new ArchiveError(
    "ARCHIVE_BUSY",
    "Another process collects leftovers in this archive; try again when it is done.",
    { file: ARCHIVE_LOCK },
  );
}
