import { HASH_BYTES, pathRange } from "@holdfast/merkle";
import { ChangeGatherer } from "../state/change-gatherer.js";
import {
  afterSending,
  changesOf,
  type GatheredChanges,
  nothingGathered,
} from "../state/gathered-changes.js";
import type { TreeView } from "../state/tree-view.js";
import { versionPruned } from "../state/versions.js";
import { FRAME_BYTES } from "./chunk-frame.js";
import { type DeltaSource, packDeltaTiles } from "./delta-frame.js";
import type { OpenGeneration } from "./open-generation.js";
import { type IsCancelled, throwIfCancelled } from "./scan-cancelled.js";
import type { ChangesJob, ChangesResult } from "./scan-job.js";

/** Journal entries looked at before a frame is given up for now, so that others get their turn. */
const JOURNAL_ENTRIES_PER_FRAME = 50_000;
/** Changes gathered ahead: about three frames of them. */
const CHANGES_AHEAD = 512;

/**
 * @param ahead the first frame, if it was filled before.
 * @returns consecutive frames, as many as asked for or as fill so many of the usual size; only the
 * last one says what is gathered then, and whether more follow.
 * @throws VERSION_PRUNED, ROW_CORRUPT, CANCELLED.
 */
export function changesFrames(
  generation: OpenGeneration,
  job: ChangesJob,
  isCancelled: IsCancelled,
  ahead: ChangesResult | null = null,
): readonly ChangesResult[] {
  const states = statesOf(generation, job);
  const memory = [...job.memory];
  const results: ChangesResult[] = [];
  let { after } = job;
  let gathered = job.gathered ?? nothingGathered(startBehind(after));
  let bytes = 0;
  for (;;) {
    const isAhead = ahead !== null && results.length === 0;
    const result = isAhead
      ? { ...ahead, gathered: behind(gathered, ahead.last) }
      : changesFrame(states, after, gathered, {
          memory: memory.shift() ?? null,
          entriesMax: JOURNAL_ENTRIES_PER_FRAME,
          isCancelled,
        });
    bytes += result.frame?.length ?? 0;
    const isFull = results.length + 1 >= job.framesMax || bytes >= job.framesMax * FRAME_BYTES;
    if (isFull || result.isLast || result.frame === null) return [...results, result];
    results.push({ ...result, gathered: null });
    after = result.last;
    gathered = result.gathered;
  }
}

/**
 * The frame that a job begins with, from the changes in it alone.
 * @returns null where they do not fill one.
 * @throws VERSION_PRUNED, ROW_CORRUPT.
 */
export function firstChangesFrame(
  generation: OpenGeneration,
  job: ChangesJob & { readonly gathered: GatheredChanges },
): ChangesResult | null {
  const result = changesFrame(statesOf(generation, job), job.after, job.gathered, {
    memory: job.memory[0] ?? null,
    entriesMax: 0,
    isCancelled: () => false,
  });
  return result.frame === null ? null : result;
}

/** Both states, as a job reads them. */
interface JobStates {
  readonly later: TreeView;
  readonly earlier: TreeView | null;
  readonly gatherer: ChangeGatherer;
  readonly rowOf: DeltaSource["rowOf"];
}

/** @throws VERSION_PRUNED, ROW_CORRUPT. */
function statesOf(generation: OpenGeneration, { fromVersion, version }: ChangesJob): JobStates {
  requireJournal(generation, fromVersion);
  return {
    later: generation.view(version),
    earlier: earlierView(generation, fromVersion),
    gatherer: new ChangeGatherer(
      { after: fromVersion, to: version },
      { journal: generation.journal },
    ),
    rowOf: (keyHash, rowVersion) => generation.reader.rowOf(keyHash, rowVersion),
  };
}

/** A result, and always what is gathered then. */
type FrameStep = ChangesResult & { readonly gathered: GatheredChanges };

/**
 * Gathers changes, and fills one frame with tiles whose changes are known. The answer has no frame
 * when its share of the journal was read before the first tile was known.
 * @throws ROW_CORRUPT, CANCELLED.
 */
function changesFrame(
  { later, earlier, gatherer, rowOf }: JobStates,
  after: string,
  begin: GatheredChanges,
  {
    memory,
    entriesMax,
    isCancelled,
  }: {
    readonly memory: ArrayBuffer | null;
    readonly entriesMax: number;
    readonly isCancelled: IsCancelled;
  },
): FrameStep {
  let gathered = begin;
  let changes = changesOf(gathered);
  let left = entriesMax;
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
    const packed = packDeltaTiles({ earlier, later, changes, coveredTo, rowOf }, after, memory);
    if (packed.frame !== null || packed.isLast || left <= 0) {
      return { ...packed, gathered: behind(gathered, packed.last) };
    }
    needsMore = true;
  }
}

/** What is left of the changes behind the tile at `last`; "": all of them. */
function behind(gathered: GatheredChanges, last: string): GatheredChanges {
  if (last === "") return gathered;
  return afterSending(gathered, changesOf(gathered).indexOf(pathRange(last).end));
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
