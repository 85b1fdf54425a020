import { type FoldedTree, HASH_BYTES } from "@holdfast/merkle";
import { copyWords } from "../state/copy-words.js";
import {
  BYTES_AT,
  INNER_SLOT_BYTES,
  ITEMS_AT,
  LEAF_SLOT_BYTES,
  NODE_FORMAT,
  NODE_SLOTS,
  NodeShape,
  SLOT_HASH_AT,
  SLOTS_AT,
} from "../state/node-shape.js";
import type { GrowingBytes } from "./growing-bytes.js";

/** Deepest physical level, nibbles. */
const LEVELS = 64;
const HASH_WORDS: number = HASH_BYTES / 4;
const VERSION_WORDS = 2;
const U32 = 2 ** 32;

/**
 * Makes the physical nodes of a tile from the tree it folded to. Hashes nothing itself.
 *
 * A binary node at depth d belongs to the physical node at level d / 4. The one at depth 4 x level
 * comes last of these, so the physical node is complete with it and goes into its parent's slot. A
 * leaf parts from its neighbours at one depth, which says in which physical node it has its slot.
 */
export class SubtreeWriter {
  /** u64, big-endian. */
  readonly #version: DataView = new DataView(new ArrayBuffer(8));
  // Physical nodes under way, by level.
  readonly #leafMask: Uint16Array = new Uint16Array(LEVELS);
  readonly #innerMask: Uint16Array = new Uint16Array(LEVELS);
  /** By level and slot: the item of a leaf, or the inner node of a child. */
  readonly #slot: Uint32Array = new Uint32Array(LEVELS * NODE_SLOTS);
  readonly #slotItems: Float64Array = new Float64Array(LEVELS * NODE_SLOTS);
  readonly #slotBytes: Float64Array = new Float64Array(LEVELS * NODE_SLOTS);
  /** By level and heap position: the binary inner node. */
  readonly #heap: Uint32Array = new Uint32Array(LEVELS * NODE_SLOTS);

  /** @param version the version at which the nodes are written. */
  constructor(version: bigint) {
    this.#version.setBigUint64(0, version);
  }

  /**
   * Writes the physical nodes of the tile with `nibbles` in its path to `out`, each as key length
   * u8, value length u16, key, value. A tile with one item has none.
   */
  write(nibbles: number, tree: FoldedTree, out: GrowingBytes): void {
    const { items, inners } = tree;
    if (items < 2) return;
    let inner = 0;
    let before = 4 * nibbles;
    for (let item = 0; item < items; item++) {
      const behind = item + 1 < items ? commonBits(tree, item) : 4 * nibbles;
      this.#placeLeaf(tree, item, Math.max(before, behind) >> 2);
      while (inner < inners && tree.lastItem(inner) === item) {
        this.#placeInner(tree, inner, nibbles, out);
        inner += 1;
      }
      before = behind;
    }
  }

  #placeLeaf(tree: FoldedTree, item: number, level: number): void {
    const nibble = nibbleOf(tree, item, level);
    this.#leafMask[level] = (this.#leafMask[level] ?? 0) | (1 << nibble);
    const at = level * NODE_SLOTS + nibble;
    this.#slot[at] = item;
    this.#slotItems[at] = 1;
    this.#slotBytes[at] = tree.itemEnd(item) - tree.itemStart(item);
  }

  #placeInner(tree: FoldedTree, inner: number, nibbles: number, out: GrowingBytes): void {
    const depth = tree.depth(inner);
    const item = tree.lastItem(inner);
    const level = depth >> 2;
    const below = depth & 3;
    const heap = (1 << below) | (below === 0 ? 0 : nibbleOf(tree, item, level) >> (4 - below));
    this.#heap[level * NODE_SLOTS + heap] = inner;
    if (below !== 0) return;
    const { items, bytes } = this.#writeNode(tree, level, item, out);
    if (level === nibbles) return;
    const above = level - 1;
    const nibble = nibbleOf(tree, item, above);
    this.#innerMask[above] = (this.#innerMask[above] ?? 0) | (1 << nibble);
    const at = above * NODE_SLOTS + nibble;
    this.#slot[at] = inner;
    this.#slotItems[at] = items;
    this.#slotBytes[at] = bytes;
  }

  /** Writes the physical node at `level` above `item`, and empties the level. */
  #writeNode(
    tree: FoldedTree,
    level: number,
    item: number,
    out: GrowingBytes,
  ): { items: number; bytes: number } {
    const shape = new NodeShape(this.#leafMask[level] ?? 0, this.#innerMask[level] ?? 0);
    this.#leafMask[level] = 0;
    this.#innerMask[level] = 0;
    const keyLength = 9 + ((level + 1) >> 1);
    let at = out.reserve(3 + keyLength + shape.length);
    const { view } = out;
    view.setUint8(at, keyLength);
    view.setUint16(at + 1, shape.length);
    at = this.#writeKey(tree, view, at + 3, level, item);
    view.setUint8(at, NODE_FORMAT);
    view.setUint16(at + 1, shape.leafMask);
    view.setUint16(at + 3, shape.innerMask);
    const totals = this.#writeSlots(tree, view, at + SLOTS_AT, level, shape);
    let hashAt = at + shape.hashesAt;
    for (let heap = 1; heap < NODE_SLOTS; heap++) {
      if ((shape.binaryMask & (1 << heap)) === 0) continue;
      const inner = this.#heap[level * NODE_SLOTS + heap] ?? 0;
      copyWords(tree.memory, tree.hashAt(inner), view, hashAt, HASH_WORDS);
      hashAt += HASH_BYTES;
    }
    return totals;
  }

  /** Key of `nodes.x`: version u64, level u8, nibbles packed. Answers where it ends. */
  #writeKey(tree: FoldedTree, view: DataView, start: number, level: number, item: number): number {
    copyWords(this.#version, 0, view, start, VERSION_WORDS);
    view.setUint8(start + 8, level);
    const end = start + 9 + ((level + 1) >> 1);
    let from = tree.keyHashAt(item);
    for (let at = start + 9; at < end; at++) view.setUint8(at, tree.memory.getUint8(from++));
    if (level % 2 === 1) view.setUint8(end - 1, view.getUint8(end - 1) & 0xf0);
    return end;
  }

  #writeSlots(
    tree: FoldedTree,
    view: DataView,
    start: number,
    level: number,
    shape: NodeShape,
  ): { items: number; bytes: number } {
    let at = start;
    let items = 0;
    let bytes = 0;
    for (let nibble = 0; nibble < NODE_SLOTS; nibble++) {
      const bit = 1 << nibble;
      if (((shape.leafMask | shape.innerMask) & bit) === 0) continue;
      const slot = level * NODE_SLOTS + nibble;
      const held = this.#slot[slot] ?? 0;
      const slotItems = this.#slotItems[slot] ?? 0;
      const slotBytes = this.#slotBytes[slot] ?? 0;
      items += slotItems;
      bytes += slotBytes;
      if ((shape.leafMask & bit) !== 0) {
        copyWords(tree.memory, tree.keyHashAt(held), view, at, 2 * HASH_WORDS);
        view.setUint32(at + 2 * HASH_BYTES, slotBytes);
        at += LEAF_SLOT_BYTES;
      } else {
        copyWords(this.#version, 0, view, at, VERSION_WORDS);
        copyWords(tree.memory, tree.hashAt(held), view, at + SLOT_HASH_AT, HASH_WORDS);
        writeU48(view, at + ITEMS_AT, slotItems);
        writeU48(view, at + BYTES_AT, slotBytes);
        at += INNER_SLOT_BYTES;
      }
    }
    return { items, bytes };
  }
}

function writeU48(view: DataView, at: number, value: number): void {
  view.setUint16(at, value / U32);
  view.setUint32(at + 2, value);
}

function nibbleOf(tree: FoldedTree, item: number, level: number): number {
  const byte = tree.memory.getUint8(tree.keyHashAt(item) + (level >> 1));
  return level % 2 === 0 ? byte >> 4 : byte & 0xf;
}

/** Leading bits that an item's key hash shares with the next one's. */
function commonBits(tree: FoldedTree, item: number): number {
  const { memory } = tree;
  const here = tree.keyHashAt(item);
  const next = tree.keyHashAt(item + 1);
  for (let at = 0; at < HASH_BYTES; at += 4) {
    const difference = memory.getUint32(here + at) ^ memory.getUint32(next + at);
    if (difference !== 0) return 8 * at + Math.clz32(difference);
  }
  throw new RangeError("two items have the same key hash");
}
