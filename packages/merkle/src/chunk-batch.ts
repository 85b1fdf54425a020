import { AscendingFold, type NodeMaker } from "./ascending-fold.js";
import { type FoldedTree, outOfOrder, outsidePath } from "./folded-chunk.js";
import { HASH_BYTES } from "./hash.js";
import { ItemCursor } from "./item-cursor.js";
import { hasPath } from "./path.js";
import { INNERS_MAX, LEAVES_MAX, TreeBatch } from "./tree-batch.js";
import { EMPTY_NODE, type TreeNode } from "./tree-node.js";

/** Largest body, bytes: one largest item, or any tile of small ones, with room to spare. */
const BODY_BYTES_MAX = 2_097_152;
/** Most items: one for each four bytes of a tile. */
const ITEMS_MAX: number = LEAVES_MAX;

/**
 * Folds chunks in batches: first all keys and values are hashed, which puts the leaves in place,
 * then the tree above them. Memory: 8 MiB reserved, touched as needed.
 */
export class ChunkBatch implements FoldedTree {
  readonly memory: DataView;
  readonly #tree: TreeBatch;
  readonly #bytes: Uint8Array;
  /** The memory as words; key hashes are aligned to words. */
  readonly #words: Uint32Array;
  /** Of each inner node: the last item below it. */
  readonly #lastItems: Uint16Array = new Uint16Array(INNERS_MAX);
  /** First byte and end of each item in the body. */
  readonly #spans: Int32Array = new Int32Array(2 * ITEMS_MAX);
  /** The item whose leaf was pushed last. */
  #item = 0;
  // What was folded last.
  #node: TreeNode = EMPTY_NODE;
  #items = 0;
  #itemBytes = 0;

  private constructor(tree: TreeBatch) {
    this.#tree = tree;
    this.#bytes = tree.batch.bytes;
    this.#words = tree.batch.words;
    this.memory = new DataView(this.#bytes.buffer);
  }

  /** Null where WebAssembly's SIMD is missing. */
  static create(): ChunkBatch | null {
    const tree = TreeBatch.create(BODY_BYTES_MAX);
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
    if (this.#tree.full) return null;
    this.#tree.hash();
    this.#node = this.#tree.nodeAt(root);
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
    return this.#tree.inners;
  }

  keyHashAt(item: number): number {
    return this.#tree.itemAt(item);
  }

  itemStart(item: number): number {
    return this.#spans[2 * item] ?? 0;
  }

  itemEnd(item: number): number {
    return this.#spans[2 * item + 1] ?? 0;
  }

  hashAt(inner: number): number {
    return this.#tree.innerAt(inner);
  }

  depth(inner: number): number {
    return this.#tree.depth(inner);
  }

  lastItem(inner: number): number {
    return this.#lastItems[inner] ?? 0;
  }

  /** Hashes keys and values; answers how many items there are, null if too many. */
  #hashItems(body: Buffer): number | null {
    const { batch, spareAt } = this.#tree;
    this.#bytes.set(body, spareAt);
    this.#tree.clear();
    const cursor = new ItemCursor(body);
    let items = 0;
    while (cursor.next()) {
      if (items === ITEMS_MAX) return null;
      const { start, end, keyStart, keyEnd, valueStart } = cursor;
      const keyHash = this.#tree.makeItem();
      batch.add(spareAt + keyStart, keyEnd - keyStart, keyHash);
      batch.add(spareAt + valueStart, end - valueStart, keyHash + HASH_BYTES);
      this.#spans[2 * items] = start;
      this.#spans[2 * items + 1] = end;
      items++;
    }
    batch.run();
    return items;
  }

  /** Lays out the tree over the leaves; answers its root. */
  #shape(path: string, items: number): number {
    const tree = this.#tree;
    const make: NodeMaker<number> = {
      empty: tree.empty,
      inner: (left, right, depth) => {
        const node = tree.makeInner(left, right, depth);
        this.#lastItems[tree.inners - 1] = this.#item;
        return node;
      },
      bit: (depth) => this.#bit(depth),
    };
    const fold = new AscendingFold(make);
    for (let i = 0; i < items; i++) {
      // What lies between the first and the last in order lies under the path if they do.
      if (i === 0 || i === items - 1) this.#checkPath(path, i);
      if (i > 0) fold.part(this.#commonBits(i));
      this.#item = i;
      const keyHash = tree.itemAt(i);
      fold.push(tree.makeLeaf(keyHash, keyHash + HASH_BYTES));
    }
    return fold.finish(4 * path.length);
  }

  #checkPath(path: string, item: number): void {
    const at = this.keyHashAt(item);
    if (hasPath(this.#bytes.subarray(at, at + HASH_BYTES), path)) return;
    throw outsidePath(path, this.itemStart(item));
  }

  /** The bit at `depth` of the key hash pushed last. */
  #bit(depth: number): 0 | 1 {
    const keyHash = this.keyHashAt(this.#item);
    const byte = this.#bytes[keyHash + (depth >> 3)] ?? 0;
    return ((byte >> (7 - (depth & 7))) & 1) === 0 ? 0 : 1;
  }

  /** How many bits the key hash of an item shares with the one before, which must be less. */
  #commonBits(item: number): number {
    const before = this.keyHashAt(item - 1) >> 2;
    const here = this.keyHashAt(item) >> 2;
    for (let word = 0; word < HASH_BYTES / 4; word++) {
      const a = swapBytes(this.#words[before + word] ?? 0);
      const b = swapBytes(this.#words[here + word] ?? 0);
      if (a === b) continue;
      if (a >>> 0 > b >>> 0) break;
      return 32 * word + Math.clz32(a ^ b);
    }
    throw outOfOrder(this.itemStart(item));
  }
}

/** A big-endian word out of a little-endian one. WebAssembly's memory is little-endian. */
function swapBytes(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
