import { strict as assert } from "node:assert";
import { copyHash, EMPTY_HASH, HASH_BYTES } from "./hash.js";
import { HashBatch, INNER_PAIR, LEAF_PAIR, PAIR_JOB_BYTES } from "./hash-batch.js";
import { DEPTH_MAX } from "./path.js";
import { EMPTY_NODE, type TreeNode } from "./tree-node.js";

/** Most leaves, and most keys and values that are hashed for them. */
export const LEAVES_MAX = 32_768;
/** Most inner nodes: hashed keys give about 1.5 for each leaf. */
export const INNERS_MAX = 65_536;

/** Key hash and value hash, one behind the other. */
const ITEM_BYTES: number = 2 * HASH_BYTES;
const JOB_WORDS: number = PAIR_JOB_BYTES / 4;
/** Inner nodes of one depth that are hashed in one call. */
const LEVEL_JOBS_MAX = 2_048;
/** `HashBatch.hashPairs` fills up the last group of jobs. */
const JOBS_SPARE = 3;

const NONE = -1;

// Where things lie behind the begin of the batch's heap, which is aligned to four.
const ITEMS_AT: number = HASH_BYTES;
const LEAF_JOBS_AT: number = ITEMS_AT + LEAVES_MAX * ITEM_BYTES;
const LEVEL_JOBS_AT: number = LEAF_JOBS_AT + (LEAVES_MAX + JOBS_SPARE) * PAIR_JOB_BYTES;
const LEAVES_AT: number = LEVEL_JOBS_AT + (LEVEL_JOBS_MAX + JOBS_SPARE) * PAIR_JOB_BYTES;
const INNERS_AT: number = LEAVES_AT + LEAVES_MAX * HASH_BYTES;
const TREE_BYTES: number = INNERS_AT + INNERS_MAX * HASH_BYTES;

/**
 * Hashes trees breadth-first: all leaves in one batch, then the inner nodes depth by depth, so that
 * four hashes are computed at a time. A node is the address at which its hash lies, or will lie;
 * one of which only the hash is known is where that is. What does not fit only sets `full`.
 */
export class TreeBatch {
  readonly batch: HashBatch;
  /** First address behind the trees, free for the owner. */
  readonly spareAt: number;
  /** The subtree without a key. */
  readonly empty: number;
  readonly #words: Uint32Array;
  readonly #itemsAt: number;
  readonly #leafJobsAt: number;
  readonly #levelJobsAt: number;
  readonly #leavesAt: number;
  readonly #innersAt: number;
  #items = 0;
  #leaves = 0;
  #inners = 0;
  #full = false;
  /** Of each inner node: its halves, its depth, and the one made before it at that depth. */
  readonly #lefts: Int32Array = new Int32Array(INNERS_MAX);
  readonly #rights: Int32Array = new Int32Array(INNERS_MAX);
  readonly #depths: Uint16Array = new Uint16Array(INNERS_MAX);
  readonly #before: Int32Array = new Int32Array(INNERS_MAX);
  /** Of each depth: the inner node made last. */
  readonly #last: Int32Array = new Int32Array(DEPTH_MAX + 1).fill(NONE);

  private constructor(batch: HashBatch) {
    const { heapStart } = batch;
    this.batch = batch;
    this.#words = batch.words;
    this.empty = heapStart;
    batch.bytes.set(EMPTY_HASH, heapStart);
    this.#itemsAt = heapStart + ITEMS_AT;
    this.#leafJobsAt = heapStart + LEAF_JOBS_AT;
    this.#levelJobsAt = heapStart + LEVEL_JOBS_AT;
    this.#leavesAt = heapStart + LEAVES_AT;
    this.#innersAt = heapStart + INNERS_AT;
    this.spareAt = heapStart + TREE_BYTES;
  }

  /** With so many bytes for its owner; null where WebAssembly's SIMD is missing. */
  static create(spareBytes: number): TreeBatch | null {
    const batch = HashBatch.create(TREE_BYTES + spareBytes);
    return batch === null ? null : new TreeBatch(batch);
  }

  /** Whether something did not fit: what was made since `clear` is then useless. */
  get full(): boolean {
    return this.#full;
  }

  /** Number of inner nodes. */
  get inners(): number {
    return this.#inners;
  }

  /** Address of an item's key hash; its value hash follows. Items are numbered as they are made. */
  itemAt(item: number): number {
    return this.#itemsAt + item * ITEM_BYTES;
  }

  /** Address of an inner node's hash. Inner nodes are numbered as they are made. */
  innerAt(inner: number): number {
    return this.#innersAt + inner * HASH_BYTES;
  }

  /** Depth of an inner node. */
  depth(inner: number): number {
    return this.#depths[inner] ?? 0;
  }

  isLeaf(node: number): boolean {
    return node >= this.#leavesAt && node < this.#innersAt;
  }

  /** Forgets all nodes, and what was taken to be hashed. */
  clear(): void {
    this.batch.clear();
    this.#items = 0;
    this.#leaves = 0;
    this.#inners = 0;
    this.#full = false;
    this.#last.fill(NONE);
  }

  /** Room for the next item's key hash and value hash: `itemAt`. */
  makeItem(): number {
    if (this.#items === LEAVES_MAX) this.#full = true;
    else this.#items++;
    return this.itemAt(this.#items - 1);
  }

  /** The next leaf; its two hashes need not be there before `hash`. */
  makeLeaf(keyHash: number, valueHash: number): number {
    if (this.#leaves === LEAVES_MAX) this.#full = true;
    else this.#leaves++;
    const leaf = this.#leaves - 1;
    const node = this.#leavesAt + leaf * HASH_BYTES;
    this.#writeJob(this.#leafJobsAt / 4 + leaf * JOB_WORDS, keyHash, valueHash, node);
    return node;
  }

  /** The next inner node, at `depth` (0..255). */
  makeInner(left: number, right: number, depth: number): number {
    if (this.#inners === INNERS_MAX) this.#full = true;
    else this.#inners++;
    const inner = this.#inners - 1;
    this.#lefts[inner] = left;
    this.#rights[inner] = right;
    this.#depths[inner] = depth;
    this.#before[inner] = this.#last[depth] ?? NONE;
    this.#last[depth] = inner;
    return this.innerAt(inner);
  }

  /** Hashes all nodes, of which none may have found no room. */
  hash(): void {
    assert.ok(!this.#full);
    if (this.#inners === 0) return;
    this.batch.hashPairs(LEAF_PAIR, this.#leafJobsAt, this.#leaves);
    for (let depth = DEPTH_MAX; depth >= 0; depth--) this.#hashDepth(depth);
  }

  /** The node at an address, with private copies of its hashes. */
  nodeAt(node: number): TreeNode {
    if (node === this.empty) return EMPTY_NODE;
    if (!this.isLeaf(node)) return { kind: "inner", hash: this.#copy(node) };
    const job = this.#leafJobsAt / 4 + ((node - this.#leavesAt) / HASH_BYTES) * JOB_WORDS;
    const [keyHash = 0, valueHash = 0] = this.#words.subarray(job, job + 2);
    return { kind: "leaf", keyHash: this.#copy(keyHash), valueHash: this.#copy(valueHash) };
  }

  #hashDepth(depth: number): void {
    const first = this.#levelJobsAt / 4;
    let inner = this.#last[depth] ?? NONE;
    while (inner !== NONE) {
      let count = 0;
      for (; inner !== NONE && count < LEVEL_JOBS_MAX; count++) {
        const [left, right] = [this.#lefts[inner] ?? 0, this.#rights[inner] ?? 0];
        this.#writeJob(first + count * JOB_WORDS, left, right, this.innerAt(inner));
        inner = this.#before[inner] ?? NONE;
      }
      this.batch.hashPairs(INNER_PAIR, this.#levelJobsAt, count);
    }
  }

  #writeJob(word: number, left: number, right: number, hash: number): void {
    this.#words[word] = left;
    this.#words[word + 1] = right;
    this.#words[word + 2] = hash;
  }

  #copy(at: number): Buffer {
    const hash = Buffer.allocUnsafe(HASH_BYTES);
    copyHash(hash, 0, this.batch.bytes, at);
    return hash;
  }
}
