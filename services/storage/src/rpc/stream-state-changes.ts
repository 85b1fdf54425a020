import type { backup } from "@holdfast/api";
import { HoldfastError, invalidField } from "@holdfast/core";
import { HASH_BYTES } from "@holdfast/merkle";
import type { CallContext, FrameStream } from "@holdfast/rpc";
import type { GenerationUse } from "../engine/live-generation.js";
import type { ChangesJob, ChangesResult } from "../engine/scan-job.js";
import type { Checkpoint, StoreReader } from "../state/state-reader.js";
import { committedVersion, infoAt, versionPruned } from "../state/versions.js";
import {
  checkExpectedState,
  checkResumePoint,
  historyForked,
  readState,
} from "./expected-state.js";
import { readUse } from "./read-live.js";
import {
  type FillAhead,
  type ScanStreamDependencies,
  type StreamPlan,
  serveScan,
} from "./scan-stream.js";
import { stateHeader, streamHeader } from "./stream-header.js";

/** A delta is refused above this many journal entries, when they are many for the state, too. */
const JOURNAL_ENTRIES_MAX = 100_000n;

/** StreamStateChanges: the difference of the states at two checkpoints, or what is left of it. */
export function streamStateChanges(
  dependencies: ScanStreamDependencies,
  request: backup.StreamStateChangesRequest,
  context: CallContext,
  frames: FrameStream<Buffer>,
): Promise<void> {
  const from = checkedFrom(request);
  checkExpectedState(request);
  checkResumePoint(request);
  return serveScan(dependencies, request.leaseId, context, frames, async (use) =>
    planChanges(dependencies, { request, from, context, use }),
  );
}

/** The state a delta starts from, as its reader believes it to be. */
interface From {
  readonly version: bigint;
  readonly root: Buffer;
}

function planChanges(
  { scans, clock }: ScanStreamDependencies,
  call: {
    readonly request: backup.StreamStateChangesRequest;
    readonly from: From;
    readonly context: CallContext;
    readonly use: GenerationUse;
  },
): StreamPlan<ChangesResult> {
  const { request, from, context, use } = call;
  const { header, entries, version } = readUse(use, (reader) => {
    const state = readState(reader, request);
    checkFrom(reader, from, state.checkpoint.version);
    return {
      header: stateHeader(reader, state),
      entries: checkedEntries(reader, from, state.checkpoint),
      version: state.checkpoint.version,
    };
  });
  const job =
    (after: string, gathered: ChangesJob["gathered"]) =>
    (ahead: FillAhead, signal: AbortSignal): Promise<readonly ChangesResult[]> => {
      const some: ChangesJob = {
        kind: "changes",
        generation: use.path,
        version,
        fromVersion: from.version,
        after,
        gathered,
        ...ahead,
      };
      return scans.run(some, signal);
    };
  const details = { itemsToCome: entries, bytesToCome: 0n, from };
  return {
    header: streamHeader(header, details, context, clock),
    mayRunFar: false,
    first: job(request.resumeAfter, null),
    next: (results) => {
      const last = results.at(-1);
      return last === undefined || last.isLast ? null : job(last.last, last.gathered);
    },
  };
}

/** @throws INVALID_REQUEST */
function checkedFrom({ fromVersion, fromRoot }: backup.StreamStateChangesRequest): From {
  if (fromVersion === undefined) throw invalidField("from_version", "it must be set");
  if (fromRoot.length !== HASH_BYTES) throw invalidField("from_root", "it has 32 bytes");
  return { version: fromVersion, root: fromRoot };
}

/**
 * The state itself may be pruned: its root is in the log for ever.
 * @throws INVALID_REQUEST, HISTORY_FORKED, VERSION_PRUNED.
 */
function checkFrom(reader: StoreReader, from: From, version: bigint): void {
  const meta = reader.meta();
  // Who has a root of a version that is not committed has it from another history.
  if (meta.committed !== null && from.version > meta.committed) {
    throw historyForked("another history");
  }
  committedVersion(meta, from.version);
  if (from.version > version) throw invalidField("from_version", `it is behind ${version}`);
  const { stateRoot } = infoAt(reader, from.version);
  if (stateRoot?.equals(from.root) !== true) {
    throw historyForked(`another state root at version ${from.version}`);
  }
  if (from.version < meta.oldestJournal) {
    throw versionPruned("journal", from.version, meta.oldestJournal);
  }
}

/**
 * Journal entries of the delta: at least as many as it has changes.
 * @throws DELTA_TOO_LARGE when a full snapshot is the better choice.
 */
function checkedEntries(reader: StoreReader, from: From, later: Checkpoint): bigint {
  // The earlier checkpoint is gone when its state was pruned; the next one says nearly the same.
  const known = reader.checkpoint(from.version) ?? checkpointBehind(reader, from.version);
  const entries = later.journalEntries - (known?.journalEntries ?? 0n);
  const items = known !== null && known.items > later.items ? known.items : later.items;
  if (entries > JOURNAL_ENTRIES_MAX && 2n * entries > items) {
    throw new HoldfastError(
      "DELTA_TOO_LARGE",
      `${entries} changes are too many for a state of ${items} items. Take a full snapshot.`,
      { metadata: { journal_entries: `${entries}`, items: `${items}` } },
    );
  }
  return entries;
}

function checkpointBehind(reader: StoreReader, version: bigint): Checkpoint | null {
  const { after } = reader.checkpointsAround(version);
  return after === null ? null : reader.checkpoint(after);
}
