import { limits } from "@holdfast/core";
import { compareKeyHash, pathRange } from "@holdfast/merkle";
import type { ChangedKeys } from "./changed-keys.js";
import { fitsTile, NIBBLES, type Tile } from "./tiling.js";
import type { TreeView } from "./tree-view.js";

/** A tile of a delta: the subtree in the later state, and which of the changes lie in it. */
export interface DeltaTile extends Tile {
  /** Index of its first change. */
  readonly low: number;
  /** Index behind its last change; equal to `low` when nothing changed. */
  readonly high: number;
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
  yield* childTiles(states, "", after);
}

/** @returns whether everything under `parent` was known. */
function* childTiles(
  states: DeltaStates,
  parent: string,
  after: string,
): Generator<DeltaTile | null, boolean> {
  const { later, changes, coveredTo } = states;
  for (const nibble of NIBBLES) {
    const path = parent + nibble;
    const holdsAfter = after.startsWith(path);
    if (path <= after && (!holdsAfter || path === after)) continue;
    const { start, end } = pathRange(path);
    const low = changes.indexOf(start);
    const high = changes.indexOf(end);
    const subtree = later.subtree(path);
    const deleted = changes.deletedIn(low, high);
    const union = {
      items: subtree.items + deleted,
      bytes: subtree.bytes + deleted * limits.DELETED_KEY_TILE_BYTES,
    };
    // More changes can only make a subtree heavier, so one that is too heavy now is cut anyway;
    // and what holds a tile sent before was cut then.
    if (holdsAfter || !fitsTile(union)) {
      if (!(yield* childTiles(states, path, after))) return false;
      continue;
    }
    const isKnown = coveredTo === null || (end !== null && compareKeyHash(end, coveredTo) <= 0);
    if (!isKnown) {
      yield null;
      return false;
    }
    if (union.items > 0) yield { path, ...subtree, low, high };
  }
  return true;
}
