import { HASH_BYTES } from "./hash.js";
import { HashBatch } from "./hash-batch.js";
import {
  EMPTY,
  INNER,
  INNER_BYTES,
  KEY_HASH,
  LEAF_BYTES,
  NodeRecords,
  RECORDS_BYTES,
  VALUE_HASH,
} from "./node-records.js";
import { EMPTY_NODE, type TreeNode } from "./tree-node.js";

/**
 * Hashes trees breadth-first: all leaves in one batch, then the inner nodes by height, so that four
 * hashes are computed at a time.
 */
export class TreeBatch {
  readonly batch: HashBatch;
  readonly records: NodeRecords;
  /** First address behind the records, free for the owner. */
  readonly spareAt: number;

  private constructor(batch: HashBatch, rootsMax: number) {
    this.batch = batch;
    const recordsAt = batch.heapStart + rootsMax * HASH_BYTES;
    this.records = new NodeRecords(batch.bytes, recordsAt);
    this.spareAt = recordsAt + RECORDS_BYTES;
  }

  /**
   * A batch with so many bytes for its owner, and for at most so many trees hashed together; null
   * where WebAssembly's SIMD is missing.
   */
  static create(spareBytes: number, rootsMax: number): TreeBatch | null {
    const batch = HashBatch.create(rootsMax * HASH_BYTES + RECORDS_BYTES + spareBytes);
    return batch === null ? null : new TreeBatch(batch, rootsMax);
  }

  /** The nodes at the roots of trees over all leaves and inner nodes in the records. */
  hash(roots: readonly number[]): TreeNode[] {
    const { batch, records } = this;
    for (const [i, root] of roots.entries()) {
      if (root >= 0) records.setTarget(root, batch.heapStart + HASH_BYTES * i);
    }
    if (records.inners > 0) this.#hashAll();
    return roots.map((root, i) => this.#nodeOf(root, batch.heapStart + HASH_BYTES * i));
  }

  /** A private copy of bytes in the batch's memory. */
  copy(at: number, length: number): Buffer {
    return Buffer.from(this.batch.bytes.subarray(at, at + length));
  }

  #hashAll(): void {
    const { batch, records } = this;
    for (let leaf = 0; leaf < records.leaves; leaf++) {
      batch.add(records.leafAt(leaf), LEAF_BYTES, records.target(leaf));
    }
    batch.run();
    records.copyTwins();
    let height = 1;
    for (const inner of records.byHeight()) {
      if (records.height(INNER + inner) !== height) {
        batch.run();
        height++;
      }
      batch.add(records.innerAt(inner), INNER_BYTES, records.target(INNER + inner));
    }
    batch.run();
  }

  #nodeOf(root: number, hashAt: number): TreeNode {
    if (root === EMPTY) return EMPTY_NODE;
    if (root < EMPTY) {
      return { kind: "inner", hash: this.copy(this.records.givenAt(root), HASH_BYTES) };
    }
    const found = this.records.leafOf(root);
    if (found === null) return { kind: "inner", hash: this.copy(hashAt, HASH_BYTES) };
    const leaf = this.records.leafAt(found);
    const keyHash = this.copy(leaf + KEY_HASH, HASH_BYTES);
    return { kind: "leaf", keyHash, valueHash: this.copy(leaf + VALUE_HASH, HASH_BYTES) };
  }
}
