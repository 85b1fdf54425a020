import { AscendingFold, type NodeMaker } from "./ascending-fold.js";
import {
  type FoldedChunk,
  type OnInner,
  type OnItem,
  outOfOrder,
  outsidePath,
} from "./folded-chunk.js";
import { HASH_BYTES } from "./hash.js";
import { ItemCursor } from "./item-cursor.js";
import { EMPTY, INNER, KEY_HASH, LEAVES_MAX, RECORD_BYTES, VALUE_HASH } from "./node-records.js";
import { hasPath } from "./path.js";
import { TreeBatch } from "./tree-batch.js";
import { EMPTY_NODE } from "./tree-node.js";

/** Largest body, bytes: one largest item, or any tile of small ones, with room to spare. */
const BODY_BYTES_MAX = 2_097_152;
/** Most items: one for each four bytes of a tile. */
const ITEMS_MAX: number = LEAVES_MAX;

/**
 * Folds chunks in batches: first all keys and values are hashed, which puts the leaves in place,
 * then the tree above them. Memory: 11 MiB reserved, touched as needed.
 */
export class ChunkBatch {
  readonly #tree: TreeBatch;
  readonly #bytes: Uint8Array;
  /** The memory as words; key hashes are aligned to words. */
  readonly #words: Uint32Array;
  /** First byte and end of each item in the body. */
  readonly #spans: Int32Array = new Int32Array(2 * ITEMS_MAX);
  /** The leaf pushed last. */
  #leaf = 0;
  #busy = false;

  private constructor(tree: TreeBatch) {
    this.#tree = tree;
    this.#bytes = tree.batch.bytes;
    this.#words = new Uint32Array(this.#bytes.buffer);
  }

  /** Null where WebAssembly's SIMD is missing. */
  static create(): ChunkBatch | null {
    const tree = TreeBatch.create(BODY_BYTES_MAX);
    return tree === null ? null : new ChunkBatch(tree);
  }

  /**
   * Does what `foldChunk` does; null when the chunk is too large for this, or it is called from
   * `onItem` or `onInner` of another chunk.
   * @throws PROOF_INVALID as `foldChunk`.
   */
  fold(
    path: string,
    body: Buffer,
    onItem: OnItem | undefined,
    onInner: OnInner | undefined,
  ): FoldedChunk | null {
    if (this.#busy || body.length > BODY_BYTES_MAX) return null;
    this.#busy = true;
    try {
      const items = this.#hashItems(body);
      if (items === null) return null;
      const root = this.#shape(path, items);
      if (this.#tree.records.full) return null;
      const [node = EMPTY_NODE] = this.#tree.hash(root);
      let bytes = 0;
      for (let i = 0; i < items; i++) bytes += this.#itemEnd(i) - this.#itemStart(i);
      if (onItem !== undefined) this.#reportItems(items, onItem);
      if (onInner !== undefined) this.#reportInners(onInner);
      return { node, items, bytes };
    } finally {
      this.#busy = false;
    }
  }

  /** Hashes keys and values into the leaves; answers how many there are, null if too many. */
  #hashItems(body: Buffer): number | null {
    const { batch, records, spareAt } = this.#tree;
    this.#bytes.set(body, spareAt);
    batch.clear();
    records.clear();
    const cursor = new ItemCursor(body);
    let items = 0;
    while (cursor.next()) {
      if (items === ITEMS_MAX) return null;
      const { start, end, keyStart, keyEnd, valueStart } = cursor;
      const leaf = records.leafAt(records.makeLeaf());
      batch.add(spareAt + keyStart, keyEnd - keyStart, leaf + KEY_HASH);
      batch.add(spareAt + valueStart, end - valueStart, leaf + VALUE_HASH);
      this.#spans[2 * items] = start;
      this.#spans[2 * items + 1] = end;
      items++;
    }
    batch.run();
    return items;
  }

  /** Lays out the tree over the leaves; answers its root. */
  #shape(path: string, items: number): number {
    const { records } = this.#tree;
    const make: NodeMaker<number> = {
      empty: EMPTY,
      inner: (left, right, depth) => records.makeInner(left, right, depth, this.#leaf),
      bit: (depth) => this.#bit(depth),
    };
    const fold = new AscendingFold(make);
    for (let i = 0; i < items; i++) {
      // What lies between the first and the last in order lies under the path if they do.
      if (i === 0 || i === items - 1) this.#checkPath(path, i);
      if (i > 0) fold.part(this.#commonBits(i));
      this.#leaf = i;
      fold.push(i);
    }
    return fold.finish(4 * path.length);
  }

  /** The hashes are parts of one copy of the leaves. */
  #reportItems(items: number, onItem: OnItem): void {
    const leaves = this.#tree.copy(this.#tree.records.leafAt(0), items * RECORD_BYTES);
    const hashAt = (at: number): Buffer => leaves.subarray(at, at + HASH_BYTES);
    for (let i = 0; i < items; i++) {
      const leaf = i * RECORD_BYTES;
      const [keyHash, valueHash] = [hashAt(leaf + KEY_HASH), hashAt(leaf + VALUE_HASH)];
      onItem(keyHash, valueHash, this.#itemStart(i), this.#itemEnd(i));
    }
  }

  #reportInners(onInner: OnInner): void {
    const { records } = this.#tree;
    const hash = Buffer.alloc(HASH_BYTES);
    for (let inner = 0; inner < records.inners; inner++) {
      const at = records.target(INNER + inner);
      for (let i = 0; i < HASH_BYTES; i++) hash[i] = this.#bytes[at + i] ?? 0;
      onInner(records.depth(inner), records.lastLeaf(inner), hash);
    }
  }

  #checkPath(path: string, leaf: number): void {
    const at = this.#tree.records.leafAt(leaf) + KEY_HASH;
    if (hasPath(this.#bytes.subarray(at, at + HASH_BYTES), path)) return;
    throw outsidePath(path, this.#itemStart(leaf));
  }

  /** The bit at `depth` of the key hash of the leaf pushed last. */
  #bit(depth: number): 0 | 1 {
    const keyHash = this.#tree.records.leafAt(this.#leaf) + KEY_HASH;
    const byte = this.#bytes[keyHash + (depth >> 3)] ?? 0;
    return ((byte >> (7 - (depth & 7))) & 1) === 0 ? 0 : 1;
  }

  /** How many bits the key hash of a leaf shares with the one before, which must be less. */
  #commonBits(leaf: number): number {
    const before = (this.#tree.records.leafAt(leaf - 1) + KEY_HASH) >> 2;
    const here = (this.#tree.records.leafAt(leaf) + KEY_HASH) >> 2;
    for (let word = 0; word < HASH_BYTES / 4; word++) {
      const a = swapBytes(this.#words[before + word] ?? 0);
      const b = swapBytes(this.#words[here + word] ?? 0);
      if (a === b) continue;
      if (a >>> 0 > b >>> 0) break;
      return 32 * word + Math.clz32(a ^ b);
    }
    throw outOfOrder(this.#itemStart(leaf));
  }

  #itemStart(index: number): number {
    return this.#spans[2 * index] ?? 0;
  }

  #itemEnd(index: number): number {
    return this.#spans[2 * index + 1] ?? 0;
  }
}

/** A big-endian word out of a little-endian one. WebAssembly's memory is little-endian. */
function swapBytes(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
