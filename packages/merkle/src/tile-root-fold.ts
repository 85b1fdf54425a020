import { digitAt, hasPath, isPath, PATH_NIBBLES_MAX } from "./path.js";
import { proofInvalid } from "./proof-invalid.js";
import { combine, EMPTY_NODE, type TreeNode } from "./tree-node.js";

/** Children of a 16-ary level. */
const FAN_OUT = 16;

/**
 * Folds tiles, given in ascending order of path, to the root node. What no tile covers is empty.
 * Memory: 16 nodes for each nibble of the current path.
 */
export class TileRootFold {
  /** Children by depth along the current path; a level exists while it is open. */
  readonly #levels: TreeNode[][] = [emptyLevel()];
  #path = "";
  #started = false;

  /**
   * Adds the next tile.
   * @throws PROOF_INVALID when the path is malformed, not behind the last one or under it, or a
   * leaf does not lie under it.
   */
  add(path: string, node: TreeNode): void {
    if (!isPath(path) || path.length === 0 || path.length > PATH_NIBBLES_MAX) {
      throw proofInvalid("A tile's path is 1..64 lower-case hex digits.", { path });
    }
    if (this.#started && (path <= this.#path || path.startsWith(this.#path))) {
      throw proofInvalid(`Tile ${path} does not come behind tile ${this.#path}.`, { path });
    }
    if (node.kind === "leaf" && !hasPath(node.keyHash, path)) {
      throw proofInvalid(`The leaf of tile ${path} does not lie under it.`, { path });
    }
    this.#closeTo(commonNibbles(this.#path, path));
    while (this.#levels.length < path.length) this.#levels.push(emptyLevel());
    this.#put(path, node);
    this.#path = path;
    this.#started = true;
  }

  /** The root node over all tiles added. */
  finish(): TreeNode {
    this.#closeTo(0);
    return foldLevel(this.#levels[0] ?? []);
  }

  /** Folds the levels deeper than `nibbles` into their parents. */
  #closeTo(nibbles: number): void {
    while (this.#levels.length > nibbles + 1) {
      const level = this.#levels.pop() ?? [];
      this.#put(this.#path.slice(0, this.#levels.length), foldLevel(level));
    }
  }

  #put(path: string, node: TreeNode): void {
    const level = this.#levels[path.length - 1] ?? [];
    level[digitAt(path, path.length - 1)] = node;
  }
}

function emptyLevel(): TreeNode[] {
  return new Array<TreeNode>(FAN_OUT).fill(EMPTY_NODE);
}

function foldLevel(level: readonly TreeNode[]): TreeNode {
  let nodes = level;
  while (nodes.length > 1) {
    const half: TreeNode[] = [];
    for (let i = 0; i < nodes.length; i += 2) {
      half.push(combine(nodes[i] ?? EMPTY_NODE, nodes[i + 1] ?? EMPTY_NODE));
    }
    nodes = half;
  }
  return nodes[0] ?? EMPTY_NODE;
}

function commonNibbles(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
