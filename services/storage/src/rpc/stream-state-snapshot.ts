import type { backup } from "@holdfast/api";
import { invalidField } from "@holdfast/core";
import type { CallContext, FrameStream } from "@holdfast/rpc";
import type { GenerationUse } from "../engine/live-generation.js";
import type { FrameResult, SnapshotJob } from "../engine/scan-job.js";
import type { Checkpoint, StoreReader } from "../state/state-reader.js";
import { tileAt } from "../state/tiling.js";
import { viewOf } from "../state/tree-view.js";
import { checkExpectedState, checkResumePoint, readState } from "./expected-state.js";
import { readUse } from "./read-live.js";
import {
  type FillAhead,
  type ScanStreamDependencies,
  type StreamPlan,
  serveScan,
} from "./scan-stream.js";
import { stateHeader, streamHeader } from "./stream-header.js";

/** StreamStateSnapshot: the whole state at a checkpoint, or what is left of it. */
export function streamStateSnapshot(
  dependencies: ScanStreamDependencies,
  request: backup.StreamStateSnapshotRequest,
  context: CallContext,
  frames: FrameStream<Buffer>,
): Promise<void> {
  checkExpectedState(request);
  checkResumePoint(request);
  return serveScan(dependencies, request.leaseId, context, frames, async (use) =>
    planSnapshot(dependencies, request, context, use),
  );
}

function planSnapshot(
  { scans, clock }: ScanStreamDependencies,
  request: backup.StreamStateSnapshotRequest,
  context: CallContext,
  use: GenerationUse,
): StreamPlan<FrameResult> {
  const { header, left, version } = readUse(use, (reader) => {
    const state = readState(reader, request);
    return {
      header: stateHeader(reader, state),
      left: leftBehind(reader, state.checkpoint, request.resumeAfter),
      version: state.checkpoint.version,
    };
  });
  const job = (after: string) => (ahead: FillAhead, signal: AbortSignal) =>
    scans.run<SnapshotJob>(
      {
        kind: "snapshot",
        generation: use.path,
        version,
        after,
        tilesMax: null,
        withProofs: request.withProofs,
        ...ahead,
      },
      signal,
    );
  const details = { itemsToCome: left.items, bytesToCome: left.bytes };
  return {
    header: streamHeader(header, details, context, clock),
    mayRunFar: true,
    first: left.items === 0n ? null : job(request.resumeAfter),
    next: (results) => {
      const last = results.at(-1);
      return last === undefined || last.isLast ? null : job(last.last);
    },
  };
}

/** What a stream has to send that goes on behind a tile. */
function leftBehind(
  reader: StoreReader,
  checkpoint: Checkpoint,
  after: string,
): { readonly items: bigint; readonly bytes: bigint } {
  if (after === "") return checkpoint;
  const view = viewOf(reader, checkpoint.root);
  if (tileAt(view, after) === null) {
    throw invalidField("resume_after", `${after} is not a tile of this state`);
  }
  const { items, bytes } = view.behind(after);
  return { items: BigInt(items), bytes: BigInt(bytes) };
}
