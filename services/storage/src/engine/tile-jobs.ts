import { invalidField } from "@holdfast/core";
import { type Tile, tileAt, tilesBehind } from "../state/tiling.js";
import type { TreeView } from "../state/tree-view.js";
import { FRAME_BYTES } from "./chunk-frame.js";
import type { OpenGeneration } from "./open-generation.js";
import { type IsCancelled, untilCancelled } from "./scan-cancelled.js";
import type {
  FrameResult,
  ListJob,
  Measure,
  MeasureJob,
  SnapshotJob,
  TileList,
  TilesJob,
} from "./scan-job.js";
import { packTiles, type SnapshotSource } from "./snapshot-frame.js";

/**
 * @returns consecutive frames, as many as asked for or as fill so many of the usual size; the last
 * one tells whether more follow.
 * @throws ROW_CORRUPT, CANCELLED
 */
export function snapshotFrames(
  generation: OpenGeneration,
  job: SnapshotJob,
  isCancelled: IsCancelled,
): readonly FrameResult[] {
  const source = sourceOf(generation, job);
  const results: FrameResult[] = [];
  let { after, tilesMax } = job;
  let bytes = 0;
  for (let frames = 0; frames < job.framesMax; frames++) {
    const tiles = upTo(untilCancelled(tilesBehind(source.view, after), isCancelled), tilesMax);
    const result = packTiles(tiles, source, after, job.memory[frames] ?? null);
    results.push(result);
    after = result.last;
    if (tilesMax !== null) tilesMax -= result.tiles;
    bytes += result.frame?.length ?? 0;
    if (result.isLast || bytes >= job.framesMax * FRAME_BYTES) break;
  }
  return results;
}

/** @throws INVALID_REQUEST when a path is not that of a tile, ROW_CORRUPT, CANCELLED. */
export function tilesFrame(
  generation: OpenGeneration,
  job: TilesJob,
  isCancelled: IsCancelled,
): FrameResult {
  const source = sourceOf(generation, job);
  const tiles = untilCancelled(tilesOf(source.view, job.paths), isCancelled);
  return packTiles(tiles, source, "", job.memory[0] ?? null);
}

/** @throws ROW_CORRUPT, CANCELLED */
export function listTiles(
  generation: OpenGeneration,
  { version, after, limit }: ListJob,
  isCancelled: IsCancelled,
): TileList {
  const found: Tile[] = [];
  for (const tile of untilCancelled(tilesBehind(generation.view(version), after), isCancelled)) {
    if (found.length === limit) return { tiles: found, isLast: false };
    found.push(tile);
  }
  return { tiles: found, isLast: true };
}

/**
 * @throws INVALID_REQUEST when a path is not that of a tile, or a range begins behind the last
 * one; ROW_CORRUPT; CANCELLED.
 */
export function measure(
  generation: OpenGeneration,
  { version, selection }: MeasureJob,
  isCancelled: IsCancelled,
): Measure {
  const view = generation.view(version);
  const sum = { after: "", tiles: 0, items: 0, bytes: 0 };
  const add = ({ items, bytes }: Tile): void => {
    sum.tiles++;
    sum.items += items;
    sum.bytes += bytes;
  };
  if (selection.kind === "paths") {
    for (const tile of untilCancelled(tilesOf(view, selection.paths), isCancelled)) add(tile);
    return sum;
  }
  let index = 0n;
  const end = selection.limit === 0n ? null : selection.start + selection.limit;
  for (const tile of untilCancelled(tilesBehind(view, ""), isCancelled)) {
    if (index === end) return sum;
    if (index < selection.start) sum.after = tile.path;
    else add(tile);
    index++;
  }
  if (index < selection.start) {
    throw invalidField("range.start_index", `there are ${index} tiles`);
  }
  return sum;
}

function sourceOf(
  generation: OpenGeneration,
  { version, withProofs }: SnapshotJob | TilesJob,
): SnapshotSource {
  const { rows, chunkIds } = generation;
  return { version, withProofs, view: generation.view(version), rows, chunkIds };
}

function* tilesOf(view: TreeView, paths: readonly string[]): Generator<Tile> {
  for (const path of paths) {
    const tile = tileAt(view, path);
    if (tile === null) throw invalidField("paths", `${path} is not a tile of this state`);
    yield tile;
  }
}

/** The first `most` (1 or more; null: all) of `source`. */
function* upTo<T>(source: Iterable<T>, most: number | null): Generator<T> {
  let left = most ?? Number.POSITIVE_INFINITY;
  for (const element of source) {
    yield element;
    if (--left <= 0) return;
  }
}
