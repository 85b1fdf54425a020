import { limits } from "@holdfast/core";
import type { Subtree } from "./physical-node.js";
import type { TreeView } from "./tree-view.js";

/** A subtree with a bounded amount of state: one item, or at most TILE_BYTES_MAX bytes. */
export interface Tile extends Subtree {
  readonly path: string;
}

/** The 16 nibbles as path digits. */
export const NIBBLES: readonly string[] = [..."0123456789abcdef"];

/**
 * The tiles of a state in ascending order of path, those behind the tile at `after` ("": all).
 * The tiling is a function of the tree: from the 16 paths of one nibble, an empty subtree gives
 * nothing, a small one is a tile, any other is cut into its 16 children.
 * @throws ROW_CORRUPT
 */
export function* tilesBehind(view: TreeView, after: string): Generator<Tile, void, undefined> {
  yield* childTiles(view, "", after);
}

function* childTiles(view: TreeView, parent: string, after: string): Generator<Tile> {
  for (const nibble of NIBBLES) {
    const path = parent + nibble;
    const holdsAfter = after.startsWith(path);
    if (path <= after && (!holdsAfter || path === after)) continue;
    const subtree = view.subtree(path);
    if (subtree.items === 0) continue;
    if (fitsTile(subtree)) yield { path, ...subtree };
    else yield* childTiles(view, path, after);
  }
}

/** Whether there is a tile of this state at exactly `path`. @throws ROW_CORRUPT */
export function tileAt(view: TreeView, path: string): Tile | null {
  if (path === "") return null;
  const subtree = view.subtree(path);
  if (subtree.items === 0 || !fitsTile(subtree)) return null;
  if (path.length > 1 && fitsTile(view.subtree(path.slice(0, -1)))) return null;
  return { path, ...subtree };
}

/** Whether a subtree that is not empty is not cut any further. */
export function fitsTile({ items, bytes }: Pick<Subtree, "items" | "bytes">): boolean {
  return items <= 1 || bytes <= limits.TILE_BYTES_MAX;
}
