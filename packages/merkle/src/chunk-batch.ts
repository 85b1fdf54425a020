import { AscendingFold, type NodeMaker } from "./ascending-fold.js";
import { type FoldedChunk, type OnItem, outOfOrder, outsidePath } from "./folded-chunk.js";
import { EMPTY_HASH, HASH_BYTES, INNER_PREFIX, LEAF_PREFIX } from "./hash.js";
import { HashBatch } from "./hash-batch.js";
import { ItemCursor } from "./item-cursor.js";
import { DEPTH_MAX, hasPath } from "./path.js";
import { EMPTY_NODE, type TreeNode } from "./tree-node.js";

/** Largest body, bytes: one largest item, or any tile of small ones, with room to spare. */
const BODY_BYTES_MAX = 2_097_152;
/** Most items: one for each four bytes of a tile. */
const ITEMS_MAX = 32_768;
/** Most inner nodes: hashed keys give about 1.5 for each item. */
const INNERS_MAX = 65_536;

// A leaf and an inner node lie in memory as the message that is hashed for them.
const RECORD_BYTES = 80;
const LEAF_BYTES: number = LEAF_PREFIX.length + 2 * HASH_BYTES;
const INNER_BYTES: number = INNER_PREFIX.length + 2 * HASH_BYTES;
/** Offsets in a leaf. */
const KEY_HASH: number = LEAF_PREFIX.length;
const VALUE_HASH: number = KEY_HASH + HASH_BYTES;
/** Offsets in an inner node. */
const LEFT: number = INNER_PREFIX.length;
const RIGHT: number = LEFT + HASH_BYTES;

/** A node is a number: a leaf's index, INNER + an inner node's index, or this. */
const EMPTY = -1;
const INNER: number = ITEMS_MAX;

/**
 * Folds chunks breadth-first: all keys and values are hashed in one batch, then all leaves, then
 * the inner nodes by height, so that four hashes are computed at a time. Each hash is written
 * straight into the message of the node above it. Memory: 10 MiB reserved, touched as needed.
 */
export class ChunkBatch {
  readonly #batch: HashBatch;
  readonly #bytes: Uint8Array;
  /** The memory as words; key hashes are aligned to words. */
  readonly #words: Uint32Array;
  readonly #rootAt: number;
  readonly #leavesAt: number;
  readonly #innersAt: number;
  readonly #bodyAt: number;
  /** First byte and end of each item in the body. */
  readonly #spans: Int32Array = new Int32Array(2 * ITEMS_MAX);
  /** Where the hash of each node goes. */
  readonly #targets: Int32Array = new Int32Array(ITEMS_MAX + INNERS_MAX);
  /** Height of each inner node above the leaves. */
  readonly #heights: Uint16Array = new Uint16Array(INNERS_MAX);
  /** Inner nodes in order of height. */
  readonly #order: Int32Array = new Int32Array(INNERS_MAX);
  /** Records that have their prefix already: it never changes. */
  #leavesMade = 0;
  #innersMade = 0;
  #inners = 0;
  /** Address of the key hash pushed last. */
  #keyHashAt = 0;

  private constructor(batch: HashBatch) {
    this.#batch = batch;
    this.#bytes = batch.bytes;
    this.#words = new Uint32Array(batch.bytes.buffer);
    this.#rootAt = alignUp(batch.heapStart);
    this.#leavesAt = alignUp(this.#rootAt + HASH_BYTES + KEY_HASH) - KEY_HASH;
    this.#innersAt = alignUp(this.#leavesAt + ITEMS_MAX * RECORD_BYTES);
    this.#bodyAt = this.#innersAt + INNERS_MAX * RECORD_BYTES;
  }

  /** Null where WebAssembly's SIMD is missing. */
  static create(): ChunkBatch | null {
    const records = (ITEMS_MAX + INNERS_MAX + 2) * RECORD_BYTES;
    const batch = HashBatch.create(records + BODY_BYTES_MAX);
    return batch === null ? null : new ChunkBatch(batch);
  }

  /**
   * Does what `foldChunk` does; null when the chunk is too large for this.
   * @throws PROOF_INVALID as `foldChunk`.
   */
  fold(path: string, body: Buffer, onItem: OnItem | undefined): FoldedChunk | null {
    if (body.length > BODY_BYTES_MAX) return null;
    this.#batch.clear();
    const items = this.#hashItems(body);
    if (items === null) return null;
    const root = this.#shape(path, items);
    if (root === null) return null;
    const node = this.#hashTree(root, items);
    let bytes = 0;
    for (let i = 0; i < items; i++) bytes += this.#itemEnd(i) - this.#itemStart(i);
    if (onItem !== undefined) this.#report(items, onItem);
    return { node, items, bytes };
  }

  /** Hashes keys and values into the leaves; answers how many there are. */
  #hashItems(body: Buffer): number | null {
    const bodyAt = this.#bodyAt;
    this.#bytes.set(body, bodyAt);
    const cursor = new ItemCursor(body);
    let items = 0;
    while (cursor.next()) {
      if (items === ITEMS_MAX) return null;
      const { start, end, keyStart, keyEnd, valueStart } = cursor;
      const leaf = this.#makeLeaf(items);
      this.#batch.add(bodyAt + keyStart, keyEnd - keyStart, leaf + KEY_HASH);
      this.#batch.add(bodyAt + valueStart, end - valueStart, leaf + VALUE_HASH);
      this.#spans[2 * items] = start;
      this.#spans[2 * items + 1] = end;
      items++;
    }
    this.#batch.run();
    return items;
  }

  /** Lays out the tree over the leaves; answers its root. */
  #shape(path: string, items: number): number | null {
    this.#inners = 0;
    const make: NodeMaker<number> = {
      empty: EMPTY,
      inner: (left, right) => this.#makeInner(left, right),
      bit: (depth) => this.#bit(depth),
    };
    const fold = new AscendingFold(make);
    for (let i = 0; i < items; i++) {
      const at = this.#leavesAt + i * RECORD_BYTES + KEY_HASH;
      if (i > 0) fold.part(this.#commonBits(at, i));
      this.#keyHashAt = at;
      fold.push(i);
      // What lies between the first and the last in order lies under the path if they do.
      if (
        (i === 0 || i === items - 1) &&
        !hasPath(this.#bytes.subarray(at, at + HASH_BYTES), path)
      ) {
        throw outsidePath(path, this.#itemStart(i));
      }
      if (this.#inners + DEPTH_MAX > INNERS_MAX) return null;
    }
    return fold.finish(4 * path.length);
  }

  /** Hashes leaves, then inner nodes, upward to the root. */
  #hashTree(root: number, items: number): TreeNode {
    if (root === EMPTY) return EMPTY_NODE;
    if (root < INNER) {
      const leaf = this.#leavesAt + root * RECORD_BYTES;
      const keyHash = this.#copy(leaf + KEY_HASH, HASH_BYTES);
      return { kind: "leaf", keyHash, valueHash: this.#copy(leaf + VALUE_HASH, HASH_BYTES) };
    }
    this.#targets[root] = this.#rootAt;
    for (let i = 0; i < items; i++) {
      const leaf = this.#leavesAt + i * RECORD_BYTES;
      this.#batch.add(leaf, LEAF_BYTES, this.#targets[i] ?? 0);
    }
    this.#batch.run();
    let height = 1;
    for (const inner of this.#byHeight()) {
      if (this.#heights[inner] !== height) {
        this.#batch.run();
        height++;
      }
      const at = this.#innersAt + inner * RECORD_BYTES;
      this.#batch.add(at, INNER_BYTES, this.#targets[INNER + inner] ?? 0);
    }
    this.#batch.run();
    return { kind: "inner", hash: this.#copy(this.#rootAt, HASH_BYTES) };
  }

  /** The inner nodes sorted by height, by counting. */
  #byHeight(): Int32Array {
    const ends = new Int32Array(DEPTH_MAX + 2);
    for (let i = 0; i < this.#inners; i++) {
      const next = (this.#heights[i] ?? 0) + 1;
      ends[next] = (ends[next] ?? 0) + 1;
    }
    for (let height = 1; height < ends.length; height++) {
      ends[height] = (ends[height] ?? 0) + (ends[height - 1] ?? 0);
    }
    for (let i = 0; i < this.#inners; i++) {
      const height = this.#heights[i] ?? 0;
      const at = ends[height] ?? 0;
      this.#order[at] = i;
      ends[height] = at + 1;
    }
    return this.#order.subarray(0, this.#inners);
  }

  /** Calls `onItem` with hashes out of one copy of the leaves. */
  #report(items: number, onItem: OnItem): void {
    const leaves = this.#copy(this.#leavesAt, items * RECORD_BYTES);
    const hashAt = (at: number): Buffer => leaves.subarray(at, at + HASH_BYTES);
    const spans = this.#spans.slice(0, 2 * items);
    for (let i = 0; i < items; i++) {
      const leaf = i * RECORD_BYTES;
      const [start = 0, end = 0] = [spans[2 * i], spans[2 * i + 1]];
      onItem(hashAt(leaf + KEY_HASH), hashAt(leaf + VALUE_HASH), start, end);
    }
  }

  #makeLeaf(index: number): number {
    const at = this.#leavesAt + index * RECORD_BYTES;
    if (index === this.#leavesMade) {
      this.#bytes.set(LEAF_PREFIX, at);
      this.#leavesMade++;
    }
    return at;
  }

  #makeInner(left: number, right: number): number {
    const index = this.#inners++;
    const at = this.#innersAt + index * RECORD_BYTES;
    if (index === this.#innersMade) {
      this.#bytes.set(INNER_PREFIX, at);
      this.#innersMade++;
    }
    this.#place(left, at + LEFT);
    this.#place(right, at + RIGHT);
    this.#heights[index] = 1 + Math.max(this.#heightOf(left), this.#heightOf(right));
    return INNER + index;
  }

  #place(node: number, at: number): void {
    if (node === EMPTY) this.#bytes.set(EMPTY_HASH, at);
    else this.#targets[node] = at;
  }

  #heightOf(node: number): number {
    return node < INNER ? 0 : (this.#heights[node - INNER] ?? 0);
  }

  #bit(depth: number): 0 | 1 {
    const byte = this.#bytes[this.#keyHashAt + (depth >> 3)] ?? 0;
    return ((byte >> (7 - (depth & 7))) & 1) === 0 ? 0 : 1;
  }

  /** How many bits the key hash of leaf `i`, at `at`, shares with the one before, a lesser one. */
  #commonBits(at: number, i: number): number {
    const before = (at - RECORD_BYTES) >> 2;
    const here = at >> 2;
    for (let word = 0; word < HASH_BYTES / 4; word++) {
      const a = swapBytes(this.#words[before + word] ?? 0);
      const b = swapBytes(this.#words[here + word] ?? 0);
      if (a === b) continue;
      if (a >>> 0 > b >>> 0) break;
      return 32 * word + Math.clz32(a ^ b);
    }
    throw outOfOrder(this.#itemStart(i));
  }

  #itemStart(index: number): number {
    return this.#spans[2 * index] ?? 0;
  }

  #itemEnd(index: number): number {
    return this.#spans[2 * index + 1] ?? 0;
  }

  #copy(at: number, length: number): Buffer {
    return Buffer.from(this.#bytes.subarray(at, at + length));
  }
}

function alignUp(address: number): number {
  return (address + 15) & ~15;
}

/** A big-endian word out of a little-endian one. WebAssembly's memory is little-endian. */
function swapBytes(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
