import type { backup } from "@holdfast/api";
import { invalidField } from "@holdfast/core";
import { isPath } from "@holdfast/merkle";
import type { CallContext, FrameStream } from "@holdfast/rpc";
import type { GenerationUse } from "../engine/live-generation.js";
import type { FrameResult, MeasureJob, SnapshotJob, TilesJob } from "../engine/scan-job.js";
import { checkExpectedState, readState } from "./expected-state.js";
import { readUse } from "./read-live.js";
import {
  type FillAhead,
  type ScanStreamDependencies,
  type StreamPlan,
  serveScan,
} from "./scan-stream.js";
import { stateHeader, streamHeader } from "./stream-header.js";

const PATHS_MAX = 1_000;
/** Paths that go along with one job: small tiles do not fill a frame with more. */
const PATHS_PER_JOB = 256;

type Selection = NonNullable<backup.StreamStateTilesRequest["selection"]>;

/** StreamStateTiles: chosen tiles of the state at a checkpoint. */
export function streamStateTiles(
  dependencies: ScanStreamDependencies,
  request: backup.StreamStateTilesRequest,
  context: CallContext,
  frames: FrameStream<Buffer>,
): Promise<void> {
  checkExpectedState(request);
  const selection = checkedSelection(request);
  return serveScan(dependencies, request.leaseId, context, frames, (use, signal) =>
    planTiles(dependencies, { request, selection, context, use }, signal),
  );
}

async function planTiles(
  { scans, clock }: ScanStreamDependencies,
  call: {
    readonly request: backup.StreamStateTilesRequest;
    readonly selection: Selection;
    readonly context: CallContext;
    readonly use: GenerationUse;
  },
  signal: AbortSignal,
): Promise<StreamPlan<FrameResult>> {
  const { request, selection, context, use } = call;
  const { header, version } = readUse(use, (reader) => {
    const state = readState(reader, request);
    return { header: stateHeader(reader, state), version: state.checkpoint.version };
  });
  const of = { generation: use.path, version };
  const measure = await scans.run<MeasureJob>(
    { kind: "measure", ...of, selection: measured(selection) },
    signal,
  );
  const { withProofs } = request;
  const details = { itemsToCome: BigInt(measure.items), bytesToCome: BigInt(measure.bytes) };
  const plan = { header: streamHeader(header, details, context, clock) };
  if (selection.$case === "paths") {
    const { paths } = selection.value;
    const job =
      (index: number) =>
      async ({ memory }: FillAhead, ends: AbortSignal) => {
        const some = paths.slice(index, index + PATHS_PER_JOB);
        const one: TilesJob = { kind: "tiles", ...of, paths: some, withProofs, memory };
        return [await scans.run(one, ends)];
      };
    return {
      ...plan,
      // A job of these fills one frame.
      mayRunFar: false,
      first: job(0),
      next: (results) => {
        const index = paths.indexOf(results.at(-1)?.last ?? "") + 1;
        return index === paths.length ? null : job(index);
      },
    };
  }
  let tilesLeft = measure.tiles;
  const job = (after: string) => (ahead: FillAhead, ends: AbortSignal) =>
    scans.run<SnapshotJob>(
      { kind: "snapshot", ...of, after, tilesMax: tilesLeft, withProofs, ...ahead },
      ends,
    );
  return {
    ...plan,
    mayRunFar: true,
    first: tilesLeft === 0 ? null : job(measure.after),
    next: (results) => {
      for (const { tiles } of results) tilesLeft -= tiles;
      return tilesLeft === 0 ? null : job(results.at(-1)?.last ?? "");
    },
  };
}

function measured(selection: Selection): MeasureJob["selection"] {
  if (selection.$case === "paths") return { kind: "paths", paths: selection.value.paths };
  const { startIndex, limit } = selection.value;
  return { kind: "range", start: startIndex, limit };
}

/** @throws INVALID_REQUEST unless it is paths in order, or a range. */
function checkedSelection({ selection }: backup.StreamStateTilesRequest): Selection {
  if (selection === undefined) throw invalidField("selection", "paths or range must be set");
  if (selection.$case === "range") return selection;
  const { paths } = selection.value;
  if (paths.length === 0 || paths.length > PATHS_MAX) {
    throw invalidField("paths", `1 to ${PATHS_MAX} paths can be asked for`);
  }
  let before = "";
  for (const [index, path] of paths.entries()) {
    if (path === "" || !isPath(path)) {
      throw invalidField(`paths[${index}]`, "a path is 1 to 64 lower-case hex digits");
    }
    if (path <= before) throw invalidField(`paths[${index}]`, "paths must ascend");
    before = path;
  }
  return selection;
}
