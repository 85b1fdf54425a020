import { DEPTH_MAX } from "./path.js";
import { proofInvalid } from "./proof-invalid.js";
import { foldBits, rootOf } from "./siblings.js";
import type { TreeNode } from "./tree-node.js";

/** Proof that a key is, or is not, in a state. */
export interface StateProof {
  /** Siblings on the path of the key hash, the deepest first; at most 256. */
  readonly siblings: readonly TreeNode[];
  /** What stands at the end of the path: the key's leaf, another key's leaf, or empty. */
  readonly met: TreeNode;
}

/**
 * Checks that under `stateRoot` the key has a value with `valueHash`; with null, that the key is
 * absent.
 * @throws PROOF_INVALID when the proof does not show it.
 */
export function verifyStateProof(
  stateRoot: Uint8Array,
  keyHash: Uint8Array,
  valueHash: Uint8Array | null,
  proof: StateProof,
): void {
  const { met, siblings } = proof;
  if (siblings.length > DEPTH_MAX) throw proofInvalid("A state proof has at most 256 siblings.");
  if (met.kind === "inner") throw proofInvalid("A state proof ends at a leaf or at empty.");
  const root = rootOf(foldBits(keyHash, siblings.length, met, siblings));
  if (!root.equals(stateRoot)) {
    throw proofInvalid("The state proof folds to another root.", {
      state_root: Buffer.from(stateRoot).toString("hex"),
      folded_root: root.toString("hex"),
    });
  }
  const isOwnLeaf = met.kind === "leaf" && met.keyHash.equals(keyHash);
  if (valueHash === null) {
    if (isOwnLeaf) throw proofInvalid("The proof shows the key, which was said to be absent.");
  } else if (!isOwnLeaf || !met.valueHash.equals(valueHash)) {
    throw proofInvalid("The proof does not show the key with this value.");
  }
}
