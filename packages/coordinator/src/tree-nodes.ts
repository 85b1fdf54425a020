import type { types } from "@holdfast/api";
import { EMPTY_NODE, type TreeNode } from "@holdfast/merkle";
import { noNode } from "./node-at.js";

/** The node a message carries. @throws PROOF_INVALID when it carries none. */
export function nodeFromWire(node: types.TreeNode | undefined): TreeNode {
  switch (node?.kind?.$case) {
    case "empty":
      return EMPTY_NODE;
    case "leaf": {
      const { keyHash, valueHash } = node.kind.value;
      if (keyHash.length !== 32 || valueHash.length !== 32) throw noNode();
      return { kind: "leaf", keyHash, valueHash };
    }
    case "inner":
      if (node.kind.value.length !== 32) throw noNode();
      return { kind: "inner", hash: node.kind.value };
    default:
      throw noNode();
  }
}

/** A node as messages carry it. */
export function nodeToWire(node: TreeNode): types.TreeNode {
  switch (node.kind) {
    case "empty":
      return { kind: { $case: "empty", value: true } };
    case "leaf": {
      const { keyHash, valueHash } = node;
      return { kind: { $case: "leaf", value: { keyHash, valueHash } } };
    }
    case "inner":
      return { kind: { $case: "inner", value: node.hash } };
  }
}
