import { proofInvalid } from "./proof-invalid.js";
import type { TreeNode } from "./tree-node.js";

/** What a chunk folds to. */
export interface FoldedChunk {
  /** The node of the subtree at the chunk's path. */
  readonly node: TreeNode;
  /** Number of items. */
  readonly items: number;
  /** Sum of the encoded lengths of the items, without the chunk's tags and lengths. */
  readonly bytes: number;
}

/**
 * The tree of a chunk: its items in order, and its inner nodes up to the one at the chunk's path,
 * deeper ones first and left before right, also those with an empty half. It lies in memory that
 * the next fold of this thread overwrites.
 */
export interface FoldedTree extends FoldedChunk {
  /** The memory, for the addresses below. */
  readonly memory: DataView;
  /** Number of inner nodes. */
  readonly inners: number;
  /** Address of an item's key hash; its value hash follows. */
  keyHashAt(item: number): number;
  /** First byte of an item in the body. */
  itemStart(item: number): number;
  /** Behind the last byte of an item in the body. */
  itemEnd(item: number): number;
  /** Address of an inner node's hash. */
  hashAt(inner: number): number;
  /** Depth of an inner node. */
  depth(inner: number): number;
  /** Index of the last item below an inner node. */
  lastItem(inner: number): number;
}

/** PROOF_INVALID for an item that does not lie under the chunk's path. */
export function outsidePath(path: string, itemStart: number): Error {
  return proofInvalid(`The item at byte ${itemStart} does not lie under path "${path}".`, { path });
}

/** PROOF_INVALID for an item whose key hash is not greater than the one before. */
export function outOfOrder(itemStart: number): Error {
  return proofInvalid(`The item at byte ${itemStart} is out of order.`);
}
