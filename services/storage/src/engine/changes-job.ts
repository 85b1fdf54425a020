import { HASH_BYTES, pathRange } from "@holdfast/merkle";
import { ChangeGatherer } from "../state/change-gatherer.js";
import type { ChangedKeys } from "../state/changed-keys.js";
import { afterSending, changesOf, nothingGathered } from "../state/gathered-changes.js";
import type { TreeView } from "../state/tree-view.js";
import { versionPruned } from "../state/versions.js";
import { FRAME_BYTES } from "./chunk-frame.js";
import { type DeltaSource, packDeltaTiles } from "./delta-frame.js";
import type { OpenGeneration } from "./open-generation.js";
import { type IsCancelled, throwIfCancelled } from "./scan-cancelled.js";
import type { ChangesJob, ChangesResult } from "./scan-job.js";

/** Journal entries that one job looks at before it answers, so that others get their turn. */
const JOURNAL_ENTRIES_PER_JOB = 50_000;
/** Changes gathered ahead: about three frames of them. */
const CHANGES_AHEAD = 512;

/**
 * @returns consecutive frames, as many as asked for or as fill so many of the usual size; only the
 * last one says what is gathered then, and whether more follow.
 * @throws VERSION_PRUNED, ROW_CORRUPT, CANCELLED.
 */
export function changesFrames(
  generation: OpenGeneration,
  job: ChangesJob,
  isCancelled: IsCancelled,
): readonly ChangesResult[] {
  const results: ChangesResult[] = [];
  let { after, gathered } = job;
  let bytes = 0;
  for (;;) {
    const memory = job.memory.slice(results.length, results.length + 1);
    const result = changesFrame(generation, { ...job, after, gathered, memory }, isCancelled);
    bytes += result.frame?.length ?? 0;
    const isFull = results.length + 1 >= job.framesMax || bytes >= job.framesMax * FRAME_BYTES;
    if (isFull || result.isLast || result.frame === null) return [...results, result];
    results.push({ ...result, gathered: null });
    after = result.last;
    gathered = result.gathered;
  }
}

/**
 * Gathers changes, and fills one frame with tiles whose changes are known. The answer has no frame
 * when the job's share of the journal was read before the first tile was known.
 * @throws VERSION_PRUNED, ROW_CORRUPT, CANCELLED.
 */
function changesFrame(
  generation: OpenGeneration,
  job: ChangesJob,
  isCancelled: IsCancelled,
): ChangesResult {
  requireJournal(generation, job.fromVersion);
  const later = generation.view(job.version);
  const earlier = earlierView(generation, job.fromVersion);
  const gatherer = new ChangeGatherer(
    { after: job.fromVersion, to: job.version },
    { journal: generation.journal },
  );
  let gathered = job.gathered ?? nothingGathered(startBehind(job.after));
  let changes = changesOf(gathered);
  const rowOf: DeltaSource["rowOf"] = (keyHash, version) =>
    generation.reader.rowOf(keyHash, version);
  let left = JOURNAL_ENTRIES_PER_JOB;
  let needsMore = false;
  for (;;) {
    throwIfCancelled(isCancelled);
    const isEnough = changes.count >= CHANGES_AHEAD && !needsMore;
    if (gathered.coveredTo !== null && left > 0 && !isEnough) {
      const step = gatherer.step(gathered, left);
      gathered = step.gathered;
      changes = changesOf(gathered);
      // A walk that finds nothing costs too.
      left -= step.looked + 1;
      needsMore = false;
      continue;
    }
    const coveredTo = gathered.coveredTo === null ? null : Buffer.from(gathered.coveredTo);
    const packed = packDeltaTiles(
      { earlier, later, changes, coveredTo, rowOf },
      job.after,
      job.memory[0] ?? null,
    );
    if (packed.frame !== null || packed.isLast || left <= 0) {
      return { ...packed, gathered: afterSending(gathered, sentUpTo(changes, packed.last)) };
    }
    needsMore = true;
  }
}

/** How many of the changes are in tiles up to the last one of the frame. */
function sentUpTo(changes: ChangedKeys, last: string): number {
  return last === "" ? 0 : changes.indexOf(pathRange(last).end);
}

/** The lowest key hash behind the tile at `after`; null behind the last. */
function startBehind(after: string): Buffer | null {
  return after === "" ? Buffer.alloc(HASH_BYTES) : pathRange(after).end;
}

/** The earlier state's tree, while it is kept: a delta needs its journal only. */
function earlierView(generation: OpenGeneration, version: bigint): TreeView | null {
  const { reader } = generation;
  const isKept = version >= reader.meta().oldestState && reader.checkpoint(version) !== null;
  return isKept ? generation.view(version) : null;
}

/** Within one read transaction this check and what is read afterwards see the same store. */
function requireJournal({ reader }: OpenGeneration, version: bigint): void {
  const { oldestJournal } = reader.meta();
  if (version < oldestJournal) throw versionPruned("journal", version, oldestJournal);
}
