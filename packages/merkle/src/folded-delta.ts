import type { TreeNode } from "./tree-node.js";

/** What the body of a delta tile folds to. */
export interface FoldedChanges {
  /** The node of the subtree in the earlier state. */
  readonly fromNode: TreeNode;
  /** The node of the subtree in the later state. */
  readonly toNode: TreeNode;
  readonly puts: number;
  /** Puts of keys that were absent in the earlier state. */
  readonly added: number;
  readonly deletes: number;
}

/** A tile of a delta, and where its body lies among other bytes. */
export interface DeltaTile {
  readonly path: string;
  readonly start: number;
  readonly end: number;
}
