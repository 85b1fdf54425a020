import { type DeltaBody, DeltaWriter, encodeDeltaBody, nodesEqual, sha256 } from "@holdfast/merkle";
import { type DeltaStates, type DeltaTile, deltaTilesBehind } from "../state/delta-tiling.js";
import type { TreeView } from "../state/tree-view.js";
import { type ChunkField, ChunkFrame, chunkBytesMax, FRAME_BYTES } from "./chunk-frame.js";
import { rowCorrupt } from "./row-corrupt.js";
import type { FrameResult } from "./scan-job.js";
import { type RowOf, TileChanges } from "./tile-changes.js";

/** What a delta is made from. */
export interface DeltaSource extends DeltaStates {
  /** Null when its tree is pruned: then each tile is folded to get its node there. */
  readonly earlier: TreeView | null;
  readonly rowOf: RowOf;
}

/** A frame of a delta; without one it may be that more changes have to be gathered. */
export interface DeltaFrameResult extends FrameResult {
  /** Whether the frame ends where the changes known end. */
  readonly needsMore: boolean;
}

// Fields of DeltaChunk; `changes` (8) and `frontier` (9) are the body.
const FIELD_PATH = 1;
const FIELD_FROM_NODE = 2;
const FIELD_TO_NODE = 3;
const FIELD_CHANGE_COUNT = 4;
const FIELD_CHUNK_ID = 5;
const FIELD_ITEMS = 6;
const FIELD_BYTES = 7;
/** Least bytes of a deletion in a body, and of an old value hash beside an item. */
const DELETION_BYTES = 70;
const OLD_VALUE_HASH_BYTES = 34;
/** A tile with fewer changes is made without knowing that it fits: looking costs as much. */
const CHANGES_MADE_IN_VAIN_MAX = 64;

/**
 * Packs the tiles of a delta behind `after` into one frame of StreamStateChanges while they fit
 * and their changes are known.
 * @param memory a buffer to be used again, when it is large enough.
 * @throws ROW_CORRUPT
 */
export function packDeltaTiles(
  source: DeltaSource,
  after: string,
  memory: ArrayBuffer | null,
): DeltaFrameResult {
  let frame: ChunkFrame | null = null;
  const sum = { tiles: 0, bodies: 0, items: 0, bytes: 0, last: after };
  let needsMore = false;
  let isLast = true;
  const writer = new DeltaWriter();
  for (const tile of deltaTilesBehind(source, after)) {
    needsMore = tile === null;
    isLast = false;
    if (tile === null) break;
    const used = frame?.bytes ?? 0;
    if (used > 0 && used + bodyBytesMin(tile, source) > FRAME_BYTES) break;
    const delta = tile.changed === 0 ? null : deltaOf(tile, source, writer);
    const fields = chunkFields(tile, delta);
    const bodyBytes = delta?.body.length ?? 0;
    const bound = chunkBytesMax(fields, bodyBytes);
    if (used > 0 && used + bound > FRAME_BYTES) break;
    frame ??= new ChunkFrame(Math.max(bound, FRAME_BYTES), memory);
    frame.add(fields, bodyBytes, (target, at) => {
      if (delta !== null) target.set(delta.body, at);
      return at + bodyBytes;
    });
    isLast = true;
    sum.tiles++;
    sum.bodies += delta === null ? 0 : 1;
    sum.items += tile.changed;
    sum.bytes += bodyBytes;
    sum.last = tile.path;
  }
  return {
    ...sum,
    frame: frame?.finish() ?? null,
    chunkIds: frame?.chunkIds ?? new Uint8Array(0),
    isLast,
    needsMore,
  };
}

function chunkFields(tile: DeltaTile, delta: DeltaBody | null): ChunkField[] {
  const fields: ChunkField[] = [{ field: FIELD_PATH, kind: "path", path: tile.path }];
  if (delta !== null) fields.push({ field: FIELD_FROM_NODE, kind: "node", node: delta.fromNode });
  fields.push({ field: FIELD_TO_NODE, kind: "node", node: tile.node });
  if (delta !== null) {
    fields.push(
      { field: FIELD_CHANGE_COUNT, kind: "number", value: tile.changed },
      { field: FIELD_CHUNK_ID, kind: "chunkId", idOf: sha256 },
    );
  }
  fields.push(
    { field: FIELD_ITEMS, kind: "number", value: tile.items },
    { field: FIELD_BYTES, kind: "number", value: tile.bytes },
  );
  return fields;
}

/**
 * @returns a delta whose body is good until the next one.
 * @throws ROW_CORRUPT when the rows are not those of the tree.
 */
function deltaOf(tile: DeltaTile, source: DeltaSource, writer: DeltaWriter): DeltaBody {
  const { earlier, later } = source;
  const changes = new TileChanges(source.changes, tile.low, tile.high, source.rowOf);
  if (earlier !== null) {
    const body = writer.write(tile.path, changes, later);
    return { body, fromNode: earlier.subtree(tile.path).node, toNode: tile.node };
  }
  const delta = encodeDeltaBody(tile.path, changes, later);
  if (!nodesEqual(delta.toNode, tile.node)) throw rowCorrupt(`What lies under ${tile.path}`);
  return delta;
}

/** A body is at least this long: known before it is made, where making it in vain is costly. */
function bodyBytesMin(tile: DeltaTile, { later, changes }: DeltaSource): number {
  const { low, high, changed } = tile;
  if (changed < CHANGES_MADE_IN_VAIN_MAX) return 0;
  let bytes = 0;
  for (let index = low; index < high && bytes <= FRAME_BYTES; index++) {
    const kind = changes.kind(index);
    if (kind === "unchanged") continue;
    if (kind === "deleted") bytes += DELETION_BYTES;
    else bytes += later.leaf(changes.keyHash(index))?.bytes ?? 0;
    if (kind === "overwritten") bytes += OLD_VALUE_HASH_BYTES;
  }
  return bytes;
}
