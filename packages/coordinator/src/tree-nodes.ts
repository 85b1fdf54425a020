import type { types } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import { EMPTY_NODE, type TreeNode } from "@holdfast/merkle";

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

function noNode(): HoldfastError {
  return new HoldfastError("PROOF_INVALID", "A node of the state tree is missing or malformed.");
}
