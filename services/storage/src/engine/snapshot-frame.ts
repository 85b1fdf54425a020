import { HoldfastError } from "@holdfast/core";
import { pathRange, type TreeNode } from "@holdfast/merkle";
import type { Tile } from "../state/tiling.js";
import type { TreeView } from "../state/tree-view.js";
import { type ChunkField, ChunkFrame, chunkBytesMax, FRAME_BYTES } from "./chunk-frame.js";
import type { ChunkIds } from "./chunk-ids.js";
import type { RowScanner } from "./row-scan.js";
import type { FrameResult } from "./scan-job.js";

/** Where the tiles of a frame come from. */
export interface SnapshotSource {
  readonly version: bigint;
  readonly view: TreeView;
  readonly rows: RowScanner;
  readonly chunkIds: ChunkIds;
  readonly withProofs: boolean;
}

// Fields of StateChunk; `items` (6) is the body.
const FIELD_PATH = 1;
const FIELD_NODE = 2;
const FIELD_ITEM_COUNT = 3;
const FIELD_CHUNK_ID = 4;
const FIELD_SIBLINGS = 5;

/**
 * Packs tiles into one frame of StreamStateSnapshot or StreamStateTiles while they fit.
 * @param after path of the tile before, which the result names when there is no tile.
 * @throws ROW_CORRUPT when the rows are not those that the tree counts.
 */
export function packTiles(
  tiles: Iterable<Tile>,
  source: SnapshotSource,
  after: string,
  memory: ArrayBuffer | null,
): FrameResult {
  let frame: ChunkFrame | null = null;
  const sum = { tiles: 0, items: 0, bytes: 0, last: after };
  let isLast = true;
  for (const tile of tiles) {
    const siblings = source.withProofs ? source.view.siblings(tile.path) : [];
    const fields = chunkFields(tile, siblings, source.chunkIds);
    const bound = chunkBytesMax(fields, bodyBytesMax(tile));
    if (frame !== null && frame.bytes + bound > FRAME_BYTES) {
      isLast = false;
      break;
    }
    frame ??= new ChunkFrame(Math.max(bound, FRAME_BYTES), memory);
    sum.bytes += addTile(frame, tile, fields, source);
    sum.tiles++;
    sum.items += tile.items;
    sum.last = tile.path;
  }
  return {
    ...sum,
    bodies: sum.tiles,
    frame: frame?.finish() ?? null,
    chunkIds: frame?.chunkIds ?? new Uint8Array(0),
    isLast,
  };
}

function chunkFields(tile: Tile, siblings: readonly TreeNode[], chunkIds: ChunkIds): ChunkField[] {
  return [
    { field: FIELD_PATH, kind: "path", path: tile.path },
    { field: FIELD_NODE, kind: "node", node: tile.node },
    { field: FIELD_ITEM_COUNT, kind: "number", value: tile.items },
    { field: FIELD_CHUNK_ID, kind: "chunkId", idOf: (body) => chunkIds.of(tile.node, body) },
    ...siblings.map((node): ChunkField => ({ field: FIELD_SIBLINGS, kind: "node", node })),
  ];
}

function addTile(
  frame: ChunkFrame,
  tile: Tile,
  fields: readonly ChunkField[],
  { rows, version }: SnapshotSource,
): number {
  const range = pathRange(tile.path);
  return frame.add(fields, bodyBytesMax(tile), (target, at) => {
    const copied = rows.copy(range, version, target, at);
    if (copied === null || copied.items !== tile.items || copied.bytes !== tile.bytes) {
      throw new HoldfastError(
        "ROW_CORRUPT",
        `The rows under ${tile.path} at version ${version} are not those of the tree. Run fsck.`,
        { metadata: { path: tile.path, version: `${version}` } },
      );
    }
    return copied.end;
  });
}

/**
 * Most bytes of a tile's body: each item has a tag and a length, of two bytes from 128 bytes on
 * and of three from 16 KiB on. Some slack, since the scanner asks for room before it knows.
 */
function bodyBytesMax({ items, bytes }: Tile): number {
  return bytes + 2 * items + Math.min(items, bytes >> 7) + (bytes >> 14) + 4;
}
