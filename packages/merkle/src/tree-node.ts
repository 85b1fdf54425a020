import { EMPTY_HASH, innerHash, leafHash } from "./hash.js";

/**
 * The root of a subtree of the state tree: no key; exactly one key, which stands for the whole
 * subtree at any depth; or two or more keys.
 */
export type TreeNode =
  | { readonly kind: "empty" }
  | { readonly kind: "leaf"; readonly keyHash: Buffer; readonly valueHash: Buffer }
  | { readonly kind: "inner"; readonly hash: Buffer };

/** The subtree without a key. */
export const EMPTY_NODE: TreeNode = { kind: "empty" };

/** The hash of a node, 32 bytes; at the top of the tree it is the state root. */
export function nodeHash(node: TreeNode): Buffer {
  switch (node.kind) {
    case "empty":
      return EMPTY_HASH;
    case "leaf":
      return leafHash(node.keyHash, node.valueHash);
    case "inner":
      return node.hash;
  }
}

/**
 * The node above two halves. A lone leaf rises: combine(leaf, empty) is that leaf; two empties
 * are empty; everything else is inner.
 */
export function combine(left: TreeNode, right: TreeNode): TreeNode {
  if (left.kind === "empty" && right.kind !== "inner") return right;
  if (right.kind === "empty" && left.kind === "leaf") return left;
  return { kind: "inner", hash: innerHash(nodeHash(left), nodeHash(right)) };
}

/** Whether two nodes are the same in kind and content. */
export function nodesEqual(a: TreeNode, b: TreeNode): boolean {
  switch (a.kind) {
    case "empty":
      return b.kind === "empty";
    case "leaf":
      return b.kind === "leaf" && a.keyHash.equals(b.keyHash) && a.valueHash.equals(b.valueHash);
    case "inner":
      return b.kind === "inner" && a.hash.equals(b.hash);
  }
}
