import { strict as assert } from "node:assert";
import { EMPTY_HASH, innerHash, leafHash } from "./hash.js";
import { bitAt, commonBits } from "./path.js";
import { EMPTY_NODE, type TreeNode } from "./tree-node.js";

/** A finished left half that waits for its right one. */
interface PendingHalf {
  /** Depth of the node above both halves. */
  readonly depth: number;
  readonly hash: Buffer;
}

/**
 * Folds leaves, given in strictly ascending order of key hash, to the node of the subtree that
 * holds them. Neighbours that share d leading bits meet in a node at depth d; above a node of two
 * or more leaves each level is hashed with an empty half, while a lone leaf rises for nothing.
 * Memory: one hash for each level of the current leaf.
 */
export class AscendingFold {
  /** Ascending in depth. */
  readonly #pending: PendingHalf[] = [];
  /** The subtree under way: the last leaf, or an inner node at `#depth` that holds it. */
  #hash: Buffer = EMPTY_HASH;
  #depth = LEAF;
  #keyHash: Buffer | null = null;
  #valueHash: Buffer = EMPTY_HASH;
  #leaves = 0;

  /** Number of leaves pushed. */
  get leaves(): number {
    return this.#leaves;
  }

  /** Adds the next leaf, whose key hash is greater than all before. The buffers are kept. */
  push(keyHash: Buffer, valueHash: Buffer): void {
    if (this.#keyHash !== null) this.#pushLeft(commonBits(this.#keyHash, keyHash), this.#keyHash);
    this.#keyHash = keyHash;
    this.#valueHash = valueHash;
    this.#hash = leafHash(keyHash, valueHash);
    this.#depth = LEAF;
    this.#leaves++;
  }

  /** The node of the subtree at `depth`, under which all leaves lie. */
  finish(depth: number): TreeNode {
    if (this.#keyHash === null) return EMPTY_NODE;
    if (this.#leaves === 1) {
      return { kind: "leaf", keyHash: this.#keyHash, valueHash: this.#valueHash };
    }
    this.#joinDownTo(depth, this.#keyHash);
    this.#riseTo(depth, this.#keyHash);
    return { kind: "inner", hash: this.#hash };
  }

  /** The subtree under way is complete as the left half of a node at `depth`. */
  #pushLeft(depth: number, keyHash: Buffer): void {
    this.#joinDownTo(depth + 1, keyHash);
    this.#riseTo(depth + 1, keyHash);
    this.#pending.push({ depth, hash: this.#hash });
  }

  /** Joins the subtree under way with the left halves of all nodes at `depth` or deeper. */
  #joinDownTo(depth: number, keyHash: Buffer): void {
    let left = this.#pending.at(-1);
    while (left !== undefined && left.depth >= depth) {
      this.#riseTo(left.depth + 1, keyHash);
      this.#hash = innerHash(left.hash, this.#hash);
      this.#depth = left.depth;
      this.#pending.pop();
      left = this.#pending.at(-1);
    }
  }

  /** Hashes an inner node with empty halves until it stands at `depth`; a leaf just rises. */
  #riseTo(depth: number, keyHash: Buffer): void {
    if (this.#depth === LEAF) return;
    assert(this.#depth >= depth);
    while (this.#depth > depth) {
      this.#depth--;
      this.#hash =
        bitAt(keyHash, this.#depth) === 0
          ? innerHash(this.#hash, EMPTY_HASH)
          : innerHash(EMPTY_HASH, this.#hash);
    }
  }
}

/** Depth of a lone leaf, which stands for its subtree at any depth. */
const LEAF = -1;
