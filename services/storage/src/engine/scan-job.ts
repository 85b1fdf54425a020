import type { GatheredChanges } from "../state/gathered-changes.js";
import type { Tile } from "../state/tiling.js";
import type { PackedError } from "./worker-error.js";

/** What every job names: which environment, and which state in it. */
interface JobOf {
  /** Folder of the generation. */
  readonly generation: string;
  readonly version: bigint;
}

/** Fills frames of a snapshot. */
export interface SnapshotJob extends JobOf {
  readonly kind: "snapshot";
  /** Path of the tile before the first one; "": from the first tile on. */
  readonly after: string;
  /** At most so many tiles; null: as many as fit. */
  readonly tilesMax: number | null;
  readonly withProofs: boolean;
  /** At most so many frames, one at least. */
  readonly framesMax: number;
  /** Memory of frames that were sent, to be used again. */
  readonly memory: readonly ArrayBuffer[];
}

/** Fills one frame with chosen tiles. */
export interface TilesJob extends JobOf {
  readonly kind: "tiles";
  /** Paths of tiles, ascending. */
  readonly paths: readonly string[];
  readonly withProofs: boolean;
  /** Memory of frames that were sent, to be used again. */
  readonly memory: readonly ArrayBuffer[];
}

/** Goes on with a delta: gathers changes, or fills one frame. */
export interface ChangesJob extends JobOf {
  readonly kind: "changes";
  readonly fromVersion: bigint;
  readonly after: string;
  /** What the job before gathered; null at the begin. */
  readonly gathered: GatheredChanges | null;
  /** Fills at most so many frames. */
  readonly framesMax: number;
  /** Memory of frames that were sent, to be used again. */
  readonly memory: readonly ArrayBuffer[];
}

/** A frame with chunks. */
export interface PackedFrame {
  readonly memory: ArrayBuffer;
  readonly offset: number;
  readonly length: number;
}

/** What a job that fills a frame did. */
export interface FrameResult {
  /** Null when there is nothing to send. */
  readonly frame: PackedFrame | null;
  /** Ids of the chunks with a body, one after the other. */
  readonly chunkIds: Uint8Array;
  /** Tiles in the frame. */
  readonly tiles: number;
  /** Of these, how many have a body. */
  readonly bodies: number;
  /** Items, of a delta changes, in the frame. */
  readonly items: number;
  /** Bytes of the bodies in the frame. */
  readonly bytes: number;
  /** Path of the last tile in the frame; without one, as it was asked. */
  readonly last: string;
  /** Whether no tile comes behind it. */
  readonly isLast: boolean;
}

/** What a step of a delta did. */
export interface ChangesResult extends FrameResult {
  /** For the next step; null when that is in the same answer. */
  readonly gathered: GatheredChanges | null;
}

/** Lists tiles. */
export interface ListJob extends JobOf {
  readonly kind: "list";
  readonly after: string;
  readonly limit: number;
}

/** A page of tiles. */
export interface TileList {
  readonly tiles: readonly Tile[];
  readonly isLast: boolean;
}

/** Finds out what a selection of tiles holds, before the first of them is sent. */
export interface MeasureJob extends JobOf {
  readonly kind: "measure";
  readonly selection:
    | { readonly kind: "paths"; readonly paths: readonly string[] }
    | { readonly kind: "range"; readonly start: bigint; readonly limit: bigint };
}

/** What a selection holds. */
export interface Measure {
  /** Path of the tile before a range; "" when it begins with the first tile. */
  readonly after: string;
  readonly tiles: number;
  readonly items: number;
  /** Without framing. */
  readonly bytes: number;
}

/** Closes a generation in a thread that may have opened it. */
export interface CloseJob {
  readonly kind: "close";
  readonly generation: string;
}

/** Everything a scan thread does. */
export type ScanJob = SnapshotJob | TilesJob | ChangesJob | ListJob | MeasureJob | CloseJob;

/** Ends a thread. */
export interface EndMessage {
  readonly job: null;
}

/** What the result of a job is. */
export type ScanResult<J extends ScanJob> = J extends SnapshotJob
  ? readonly FrameResult[]
  : J extends TilesJob
    ? FrameResult
    : J extends ChangesJob
      ? readonly ChangesResult[]
      : J extends ListJob
        ? TileList
        : J extends MeasureJob
          ? Measure
          : undefined;

/** A job on its way to a thread; `cancel[0]` becomes 1 when nobody wants it any more. */
export interface JobMessage {
  readonly job: ScanJob;
  readonly cancel: Int32Array;
}

/** The answer to the job before. */
export type AnswerMessage =
  | { readonly result: ScanResult<ScanJob> }
  | { readonly error: PackedError };
