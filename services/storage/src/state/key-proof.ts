import { bitAt, type StateProof, type TreeNode } from "@holdfast/merkle";
import type { TreeView } from "./tree-view.js";

/** Proves what the tree holds of a key: its leaf, another key's leaf, or nothing. */
export function proveKey(view: TreeView, keyHash: Buffer): StateProof {
  let depth = 0;
  let met = view.bitNode(keyHash, 0).node;
  while (met.kind === "inner") {
    depth += 1;
    met = view.bitNode(keyHash, depth).node;
  }
  const siblings: TreeNode[] = [];
  for (; depth > 0; depth--) siblings.push(view.bitNode(flipped(keyHash, depth), depth).node);
  return { siblings, met };
}

/** Key hashes of the keys next to an absent key; null where there is none. */
export function neighboursOf(
  view: TreeView,
  keyHash: Buffer,
): { readonly left: Buffer | null; readonly right: Buffer | null } {
  const { siblings, met } = proveKey(view, keyHash);
  let left: Buffer | null = null;
  let right: Buffer | null = null;
  if (met.kind === "leaf") {
    if (met.keyHash.compare(keyHash) < 0) left = met.keyHash;
    else right = met.keyHash;
  }
  for (const [index, sibling] of siblings.entries()) {
    if (sibling.kind === "empty") continue;
    const depth = siblings.length - index;
    const isLeft = bitAt(keyHash, depth - 1) === 1;
    // The deepest sibling on a side is the nearest; of it, the end that faces the key.
    if (isLeft) left ??= outermost(view, flipped(keyHash, depth), depth, 1);
    else right ??= outermost(view, flipped(keyHash, depth), depth, 0);
  }
  return { left, right };
}

/** The first (side 0) or last (side 1) key of a subtree that has one. */
function outermost(view: TreeView, position: Buffer, depth: number, side: 0 | 1): Buffer {
  const at = Buffer.from(position);
  for (let below = depth; ; below++) {
    const { node } = view.bitNode(at, below);
    if (node.kind === "leaf") return node.keyHash;
    setBit(at, below, side);
    if (view.bitNode(at, below + 1).node.kind === "empty") setBit(at, below, side === 0 ? 1 : 0);
  }
}

/** The key hash with bit `depth - 1` turned: the place of the sibling at that depth. */
function flipped(keyHash: Buffer, depth: number): Buffer {
  const place = Buffer.from(keyHash);
  setBit(place, depth - 1, bitAt(keyHash, depth - 1) === 0 ? 1 : 0);
  return place;
}

function setBit(place: Buffer, index: number, bit: 0 | 1): void {
  const mask = 0x80 >> (index & 7);
  const byte = place[index >> 3] ?? 0;
  place[index >> 3] = bit === 1 ? byte | mask : byte & ~mask;
}
