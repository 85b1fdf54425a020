import { limits } from "@holdfast/core";
import { HASH_BYTES } from "@holdfast/merkle";
import type { ChangedKeys } from "./changed-keys.js";
import type { Subtree } from "./physical-node.js";
import { fitsTile, NIBBLES, type Tile } from "./tiling.js";
import type { TreeView } from "./tree-view.js";

/** A tile of a delta: the subtree in the later state, and which of the changes lie in it. */
export interface DeltaTile extends Tile {
  /** Index of its first key that was written. */
  readonly low: number;
  /** Index behind its last one. */
  readonly high: number;
  /** How many of them changed; the others are what they were. */
  readonly changed: number;
}

/** The later state, and the changes that lead to it. */
export interface DeltaStates {
  readonly later: TreeView;
  readonly changes: ChangedKeys;
  /** Changes from here on are not known yet; null: all are known. */
  readonly coveredTo: Buffer | null;
}

/**
 * The tiles of a delta in ascending order of path, those behind `after`: the tiling of the keys
 * that the later state has or that were deleted, with 64 bytes for each deleted one. Ends with
 * null where it has to know more changes to go on.
 * @throws ROW_CORRUPT
 */
export function* deltaTilesBehind(
  states: DeltaStates,
  after: string,
): Generator<DeltaTile | null, void, undefined> {
  const walk = {
    ...states,
    after,
    coveredTo: states.coveredTo?.toString("hex") ?? null,
    position: Buffer.alloc(HASH_BYTES),
  };
  yield* childTiles(walk, { path: "", low: 0, high: states.changes.count });
}

interface TilingWalk extends Omit<DeltaStates, "coveredTo"> {
  readonly after: string;
  /** In hex: the order of text is that of the tree. */
  readonly coveredTo: string | null;
  /** Its first nibbles say where the walk stands; the rest is zero. */
  readonly position: Buffer;
}

type KeyRange = Pick<DeltaTile, "path" | "low" | "high">;

/** @returns whether everything under `parent` was known. */
function* childTiles(walk: TilingWalk, parent: KeyRange): Generator<DeltaTile | null, boolean> {
  const { later, changes, after, position } = walk;
  const depth = parent.path.length;
  const byteAt = depth >> 1;
  const above = position[byteAt] ?? 0;
  let high = parent.low;
  for (let nibble = 0; nibble < NIBBLES.length; nibble++) {
    const path = parent.path + NIBBLES[nibble];
    const low = high;
    high = changes.behindNibble(depth, nibble, low, parent.high);
    const holdsAfter = after.startsWith(path);
    if (path <= after && (!holdsAfter || path === after)) continue;
    position[byteAt] = (depth & 1) === 0 ? nibble << 4 : above | nibble;
    const subtree = later.bitNode(position, 4 * path.length);
    // More changes can only make a subtree heavier, so one that is too heavy now is cut anyway;
    // and what holds a tile sent before was cut then.
    const tile = holdsAfter ? null : tileOf(walk, { path, low, high }, subtree);
    if (tile === null) {
      if (!(yield* childTiles(walk, { path, low, high }))) return false;
      continue;
    }
    if (!isCovered(path, walk)) {
      yield null;
      return false;
    }
    if (tile.items > 0 || tile.changed > 0) yield tile;
  }
  position[byteAt] = above;
  return true;
}

/** The tile of a subtree, empty ones included; null when it is cut. */
function tileOf(
  { later, changes }: TilingWalk,
  { path, low, high }: KeyRange,
  { node, items, bytes }: Subtree,
): DeltaTile | null {
  // Before anything is compared: a large subtree is cut whatever was deleted in it.
  if (!fitsTile({ items, bytes })) return null;
  changes.compare(low, high, later);
  const { changed, deleted } = changes.differences(low, high);
  const union = {
    items: items + deleted,
    bytes: bytes + deleted * limits.DELETED_KEY_TILE_BYTES,
  };
  return fitsTile(union) ? { path, node, items, bytes, low, high, changed } : null;
}

/** Whether all changes under `path` are known. */
function isCovered(path: string, { coveredTo }: TilingWalk): boolean {
  return coveredTo === null || (coveredTo > path && !coveredTo.startsWith(path));
}
