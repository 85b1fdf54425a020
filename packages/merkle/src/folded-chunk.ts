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
 * Called for each item of a chunk in order; when the chunk turns out to be wrong, perhaps for some
 * of them. The hashes may be kept, but share an allocation with the chunk's others: copy them to
 * keep a few for long. The item is `body.subarray(itemStart, itemEnd)`.
 */
export type OnItem = (
  keyHash: Buffer,
  valueHash: Buffer,
  itemStart: number,
  itemEnd: number,
) => void;

/**
 * Called for each inner node that a chunk folds to, up to the one at the chunk's path: deeper ones
 * first and left before right, also those with an empty half. `lastItem` is the index of the last
 * item below it. The hash is valid during the call.
 */
export type OnInner = (depth: number, lastItem: number, hash: Buffer) => void;

/** PROOF_INVALID for an item that does not lie under the chunk's path. */
export function outsidePath(path: string, itemStart: number): Error {
  return proofInvalid(`The item at byte ${itemStart} does not lie under path "${path}".`, { path });
}

/** PROOF_INVALID for an item whose key hash is not greater than the one before. */
export function outOfOrder(itemStart: number): Error {
  return proofInvalid(`The item at byte ${itemStart} is out of order.`);
}
