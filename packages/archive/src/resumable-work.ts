import type { ArchiveFiles } from "./archive-files.js";
import { encodeHead } from "./head-text.js";
import type { NewSnapshotHead, SnapshotHead } from "./snapshot-head.js";
import { readWorkHead, WorkFolder } from "./work-folder.js";
import { parseSegmentFile, WORK, WORK_LOCK, workIds } from "./work-names.js";

/** Somebody who only looks holds a lock for a moment; this long is waited for that, seconds. */
const LOOKER_WAIT_SECONDS = 1;

/** The interrupted backup of the same head that got furthest, locked; null when there is none. */
export async function resumableWork(
  files: ArchiveFiles,
  head: NewSnapshotHead,
): Promise<WorkFolder | null> {
  const wanted = identityOf(head);
  const candidates: { readonly id: string; readonly segments: number }[] = [];
  for (const id of await workIds(files)) {
    const found = await readWorkHead(files, id);
    if (found === null || identityOf(found) !== wanted) continue;
    const entries = (await files.list(`${WORK}/${id}`)) ?? [];
    const segments = entries.filter(({ name }) => parseSegmentFile(name) !== null).length;
    candidates.push({ id, segments });
  }
  candidates.sort((a, b) => b.segments - a.segments);
  for (const { id } of candidates) {
    const work = await WorkFolder.takeOver(files, id, LOOKER_WAIT_SECONDS);
    if (work !== null) return work;
  }
  return null;
}

/** Heads of interrupted backups that nobody goes on with at the moment. */
export async function unfinishedHeads(files: ArchiveFiles): Promise<SnapshotHead[]> {
  const heads: SnapshotHead[] = [];
  for (const id of await workIds(files)) {
    const head = await readWorkHead(files, id);
    if (head === null) continue;
    const lock = await files.lock(`${WORK}/${id}/${WORK_LOCK}`);
    if (lock === null) continue;
    heads.push(head);
    await lock.release();
  }
  return heads;
}

/** Everything of a head but its time. */
function identityOf(head: NewSnapshotHead): string {
  return encodeHead({ ...head, createdTime: "" });
}
