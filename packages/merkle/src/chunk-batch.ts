import { AscendingFold, type NodeMaker } from "./ascending-fold.js";
import { type FoldedTree, outOfOrder, outsidePath } from "./folded-chunk.js";
import { HASH_BYTES } from "./hash.js";
import { ItemCursor } from "./item-cursor.js";
import { EMPTY, INNER, KEY_HASH, LEAVES_MAX, VALUE_HASH } from "./node-records.js";
import { hasPath } from "./path.js";
import { TreeBatch } from "./tree-batch.js";
import { EMPTY_NODE, type TreeNode } from "./tree-node.js";

/** Largest body, bytes: one largest item, or any tile of small ones, with room to spare. */
const BODY_BYTES_MAX = 2_097_152;
/** Most items: one for each four bytes of a tile. */
const ITEMS_MAX: number = LEAVES_MAX;

/**
 * Folds chunks in batches: first all keys and values are hashed, which puts the leaves in place,
 * then the tree above them. Memory: 11 MiB reserved, touched as needed.
 */
export class ChunkBatch implements FoldedTree {
  readonly memory: DataView;
  readonly #tree: TreeBatch;
  readonly #bytes: Uint8Array;
  /** The memory as words; key hashes are aligned to words. */
  readonly #words: Uint32Array;
  /** First byte and end of each item in the body. */
  readonly #spans: Int32Array = new Int32Array(2 * ITEMS_MAX);
  /** The leaf pushed last. */
  #leaf = 0;
  // What was folded last.
  #node: TreeNode = EMPTY_NODE;
  #items = 0;
  #itemBytes = 0;

  private constructor(tree: TreeBatch) {
    this.#tree = tree;
    this.#bytes = tree.batch.bytes;
    this.#words = new Uint32Array(this.#bytes.buffer);
    this.memory = new DataView(this.#bytes.buffer);
  }

  /** Null where WebAssembly's SIMD is missing. */
  static create(): ChunkBatch | null {
    const tree = TreeBatch.create(BODY_BYTES_MAX, 1);
    return tree === null ? null : new ChunkBatch(tree);
  }

  /**
   * Does what `foldTree` does, and answers itself; null when the chunk is too large for this.
   * @throws PROOF_INVALID as `foldTree`.
   */
  fold(path: string, body: Buffer): this | null {
    if (body.length > BODY_BYTES_MAX) return null;
    const items = this.#hashItems(body);
    if (items === null) return null;
    const root = this.#shape(path, items);
    if (this.#tree.records.full) return null;
    [this.#node = EMPTY_NODE] = this.#tree.hash([root]);
    this.#items = items;
    this.#itemBytes = 0;
    for (let i = 0; i < items; i++) this.#itemBytes += this.itemEnd(i) - this.itemStart(i);
    return this;
  }

  get node(): TreeNode {
    return this.#node;
  }

  get items(): number {
    return this.#items;
  }

  get bytes(): number {
    return this.#itemBytes;
  }

  get inners(): number {
    return this.#tree.records.inners;
  }

  keyHashAt(item: number): number {
    return this.#tree.records.leafAt(item) + KEY_HASH;
  }

  itemStart(item: number): number {
    return this.#spans[2 * item] ?? 0;
  }

  itemEnd(item: number): number {
    return this.#spans[2 * item + 1] ?? 0;
  }

  hashAt(inner: number): number {
    return this.#tree.records.target(INNER + inner);
  }

  depth(inner: number): number {
    return this.#tree.records.depth(inner);
  }

  lastItem(inner: number): number {
    return this.#tree.records.lastLeaf(inner);
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

  #checkPath(path: string, leaf: number): void {
    const at = this.keyHashAt(leaf);
    if (hasPath(this.#bytes.subarray(at, at + HASH_BYTES), path)) return;
    throw outsidePath(path, this.itemStart(leaf));
  }

  /** The bit at `depth` of the key hash of the leaf pushed last. */
  #bit(depth: number): 0 | 1 {
    const keyHash = this.keyHashAt(this.#leaf);
    const byte = this.#bytes[keyHash + (depth >> 3)] ?? 0;
    return ((byte >> (7 - (depth & 7))) & 1) === 0 ? 0 : 1;
  }

  /** How many bits the key hash of a leaf shares with the one before, which must be less. */
  #commonBits(leaf: number): number {
    const before = this.keyHashAt(leaf - 1) >> 2;
    const here = this.keyHashAt(leaf) >> 2;
    for (let word = 0; word < HASH_BYTES / 4; word++) {
      const a = swapBytes(this.#words[before + word] ?? 0);
      const b = swapBytes(this.#words[here + word] ?? 0);
      if (a === b) continue;
      if (a >>> 0 > b >>> 0) break;
      return 32 * word + Math.clz32(a ^ b);
    }
    throw outOfOrder(this.itemStart(leaf));
  }
}

/** A big-endian word out of a little-endian one. WebAssembly's memory is little-endian. */
function swapBytes(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
