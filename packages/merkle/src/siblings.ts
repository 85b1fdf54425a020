import { strict as assert } from "node:assert";
import { bitAt, commonBits, pathRange } from "./path.js";
import { proofInvalid } from "./proof-invalid.js";
import { combine, nodeHash, type TreeNode } from "./tree-node.js";

/**
 * Folds the node at `path` with its siblings (from the path's last bit up to the root, four for
 * each nibble) to the root node.
 * @throws PROOF_INVALID when their number is wrong or a leaf does not lie where it stands.
 */
export function foldSiblings(
  path: string,
  node: TreeNode,
  siblings: readonly TreeNode[],
): TreeNode {
  if (siblings.length !== 4 * path.length) {
    throw proofInvalid(`A path of ${path.length} nibbles has ${4 * path.length} siblings.`, {
      path,
      siblings: `${siblings.length}`,
    });
  }
  return foldBits(pathRange(path).start, siblings.length, node, siblings);
}

/** The state root of a tree whose root node is `node`, 32 bytes. */
export function rootOf(node: TreeNode): Buffer {
  return nodeHash(node);
}

/**
 * Folds the node that stands under the first `depth` bits of `position` with its siblings, the
 * deepest first, to the root node.
 * @throws PROOF_INVALID when a leaf does not lie where it stands: a lone leaf's hash does not
 * bind its position.
 */
export function foldBits(
  position: Uint8Array,
  depth: number,
  node: TreeNode,
  siblings: readonly TreeNode[],
): TreeNode {
  assert.equal(siblings.length, depth);
  if (node.kind === "leaf" && commonBits(node.keyHash, position) < depth) throw misplaced(depth);
  let folded = node;
  for (const [i, sibling] of siblings.entries()) {
    const bit = depth - 1 - i;
    if (sibling.kind === "leaf" && commonBits(sibling.keyHash, position) !== bit) {
      throw misplaced(bit + 1);
    }
    folded = bitAt(position, bit) === 0 ? combine(folded, sibling) : combine(sibling, folded);
  }
  return folded;
}

function misplaced(depth: number): Error {
  return proofInvalid(`The leaf at depth ${depth} does not lie under its path.`, {
    depth: `${depth}`,
  });
}
