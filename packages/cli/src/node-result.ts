import type { TreeNode } from "@holdfast/merkle";
import type { Plain } from "./plain.js";

/** A node of the state tree as commands print it. */
export function nodeResult(node: TreeNode): { readonly [key: string]: Plain } {
  switch (node.kind) {
    case "empty":
      return { empty: true };
    case "leaf":
      return { leaf: { key_hash: node.keyHash, value_hash: node.valueHash } };
    case "inner":
      return { inner: node.hash };
  }
}
