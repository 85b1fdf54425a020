import { HASH_BYTES } from "@holdfast/merkle";
import {
  INNER_SLOT_BYTES,
  LEAF_SLOT_BYTES,
  NODE_FORMAT,
  NODE_SLOTS,
  NodeShape,
  SLOTS_AT,
} from "../state/node-shape.js";
import { copyBytes } from "./copy-bytes.js";
import type { GrowingBytes } from "./growing-bytes.js";

/** Deepest physical level, nibbles. */
const LEVELS = 64;
/** What a writer has room for before it grows: the items and inner nodes of a usual batch. */
const ITEMS_START = 4_096;

/**
 * Makes the physical nodes of a tile from what its fold found: the leaves in order, and the hashes
 * of the binary inner nodes in post-order. Hashes nothing itself.
 *
 * A binary node at depth d belongs to the physical node at level d / 4. The one at depth 4 x level
 * comes last of these, so the physical node is complete with it and goes into its parent's slot. A
 * leaf parts from its neighbours at one depth, which says in which physical node it has its slot.
 */
export class SubtreeWriter {
  /** u64, big-endian. */
  readonly #version: Buffer = Buffer.alloc(8);
  /** Of the tile under way, by item: key hash and value hash, and encoded length. */
  #leafHashes: Buffer = Buffer.alloc(2 * HASH_BYTES * ITEMS_START);
  #leafBytes: Uint32Array = new Uint32Array(ITEMS_START);
  #items = 0;
  /** Of the tile under way, by inner node: hash, depth and last item below. */
  #innerHashes: Buffer = Buffer.alloc(2 * HASH_BYTES * ITEMS_START);
  #innerDepths: Uint16Array = new Uint16Array(2 * ITEMS_START);
  #innerLast: Uint32Array = new Uint32Array(2 * ITEMS_START);
  #inners = 0;
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
    this.#version.writeBigUInt64BE(version);
  }

  /** Takes the next leaf of the tile. Copies. */
  leaf(keyHash: Uint8Array, valueHash: Uint8Array, bytes: number): void {
    if (this.#items === this.#leafBytes.length) this.#growLeaves();
    const at = 2 * HASH_BYTES * this.#items;
    copyBytes(keyHash, 0, this.#leafHashes, at, HASH_BYTES);
    copyBytes(valueHash, 0, this.#leafHashes, at + HASH_BYTES, HASH_BYTES);
    this.#leafBytes[this.#items] = bytes;
    this.#items += 1;
  }

  /** Takes the next binary inner node, in post-order. Copies. */
  inner(depth: number, lastItem: number, hash: Uint8Array): void {
    if (this.#inners === this.#innerDepths.length) this.#growInners();
    copyBytes(hash, 0, this.#innerHashes, HASH_BYTES * this.#inners, HASH_BYTES);
    this.#innerDepths[this.#inners] = depth;
    this.#innerLast[this.#inners] = lastItem;
    this.#inners += 1;
  }

  /**
   * Writes the physical nodes of the tile with `nibbles` in its path to `out`, each as key length
   * u8, value length u16, key, value; then begins the next tile. A tile with one item has none.
   */
  finish(nibbles: number, out: GrowingBytes): void {
    if (this.#items > 1) {
      let inner = 0;
      let before = 4 * nibbles;
      for (let item = 0; item < this.#items; item++) {
        const behind = item + 1 < this.#items ? this.#commonBits(item) : 4 * nibbles;
        this.#placeLeaf(item, Math.max(before, behind) >> 2);
        while (inner < this.#inners && this.#innerLast[inner] === item) {
          this.#placeInner(inner, nibbles, out);
          inner += 1;
        }
        before = behind;
      }
    }
    this.#items = 0;
    this.#inners = 0;
  }

  /** Forgets the tile under way. */
  reset(): void {
    this.#items = 0;
    this.#inners = 0;
    this.#leafMask.fill(0);
    this.#innerMask.fill(0);
  }

  #placeLeaf(item: number, level: number): void {
    const nibble = this.#nibble(item, level);
    this.#leafMask[level] = (this.#leafMask[level] ?? 0) | (1 << nibble);
    const at = level * NODE_SLOTS + nibble;
    this.#slot[at] = item;
    this.#slotItems[at] = 1;
    this.#slotBytes[at] = this.#leafBytes[item] ?? 0;
  }

  #placeInner(inner: number, nibbles: number, out: GrowingBytes): void {
    const depth = this.#innerDepths[inner] ?? 0;
    const item = this.#innerLast[inner] ?? 0;
    const level = depth >> 2;
    const below = depth & 3;
    const heap = (1 << below) | (below === 0 ? 0 : this.#nibble(item, level) >> (4 - below));
    this.#heap[level * NODE_SLOTS + heap] = inner;
    if (below !== 0) return;
    const { items, bytes } = this.#write(level, item, out);
    if (level === nibbles) return;
    const above = level - 1;
    const nibble = this.#nibble(item, above);
    this.#innerMask[above] = (this.#innerMask[above] ?? 0) | (1 << nibble);
    const at = above * NODE_SLOTS + nibble;
    this.#slot[at] = inner;
    this.#slotItems[at] = items;
    this.#slotBytes[at] = bytes;
  }

  /** Writes the physical node at `level` above `item`, and empties the level. */
  #write(level: number, item: number, out: GrowingBytes): { items: number; bytes: number } {
    const shape = new NodeShape(this.#leafMask[level] ?? 0, this.#innerMask[level] ?? 0);
    this.#leafMask[level] = 0;
    this.#innerMask[level] = 0;
    const keyLength = 9 + ((level + 1) >> 1);
    let at = out.reserve(3 + keyLength + shape.length);
    const { buffer } = out;
    buffer[at] = keyLength;
    buffer.writeUInt16BE(shape.length, at + 1);
    at = this.#writeKey(buffer, at + 3, level, item);
    buffer[at] = NODE_FORMAT;
    buffer.writeUInt16BE(shape.leafMask, at + 1);
    buffer.writeUInt16BE(shape.innerMask, at + 3);
    const totals = this.#writeSlots(buffer, at, level, shape);
    let hashAt = at + shape.hashesAt;
    for (let heap = 1; heap < NODE_SLOTS; heap++) {
      if ((shape.binaryMask & (1 << heap)) === 0) continue;
      this.#copyInnerHash(this.#heap[level * NODE_SLOTS + heap] ?? 0, buffer, hashAt);
      hashAt += HASH_BYTES;
    }
    return totals;
  }

  /** Key of `nodes.x`: version u64, level u8, nibbles packed. Answers where it ends. */
  #writeKey(buffer: Buffer, at: number, level: number, item: number): number {
    copyBytes(this.#version, 0, buffer, at, 8);
    buffer[at + 8] = level;
    const packed = (level + 1) >> 1;
    const from = 2 * HASH_BYTES * item;
    copyBytes(this.#leafHashes, from, buffer, at + 9, packed);
    const end = at + 9 + packed;
    if (level % 2 === 1) buffer[end - 1] = (buffer[end - 1] ?? 0) & 0xf0;
    return end;
  }

  #writeSlots(
    buffer: Buffer,
    start: number,
    level: number,
    shape: NodeShape,
  ): { items: number; bytes: number } {
    let at = start + SLOTS_AT;
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
        const from = 2 * HASH_BYTES * held;
        copyBytes(this.#leafHashes, from, buffer, at, 2 * HASH_BYTES);
        buffer.writeUInt32BE(slotBytes, at + 2 * HASH_BYTES);
        at += LEAF_SLOT_BYTES;
      } else {
        copyBytes(this.#version, 0, buffer, at, 8);
        this.#copyInnerHash(held, buffer, at + 8);
        buffer.writeUIntBE(slotItems, at + 40, 6);
        buffer.writeUIntBE(slotBytes, at + 46, 6);
        at += INNER_SLOT_BYTES;
      }
    }
    return { items, bytes };
  }

  #copyInnerHash(inner: number, target: Buffer, at: number): void {
    copyBytes(this.#innerHashes, HASH_BYTES * inner, target, at, HASH_BYTES);
  }

  #nibble(item: number, level: number): number {
    const byte = this.#leafHashes[2 * HASH_BYTES * item + (level >> 1)] ?? 0;
    return level % 2 === 0 ? byte >> 4 : byte & 0xf;
  }

  /** Leading bits that an item's key hash shares with the next one's. */
  #commonBits(item: number): number {
    const a = 2 * HASH_BYTES * item;
    const b = a + 2 * HASH_BYTES;
    for (let i = 0; i < HASH_BYTES; i++) {
      const difference = (this.#leafHashes[a + i] ?? 0) ^ (this.#leafHashes[b + i] ?? 0);
      if (difference !== 0) return 8 * i + Math.clz32(difference) - 24;
    }
    throw new RangeError("two items have the same key hash");
  }

  #growLeaves(): void {
    const bytes = new Uint32Array(2 * this.#leafBytes.length);
    bytes.set(this.#leafBytes);
    this.#leafBytes = bytes;
    this.#leafHashes = Buffer.concat([this.#leafHashes, Buffer.alloc(this.#leafHashes.length)]);
  }

  #growInners(): void {
    const depths = new Uint16Array(2 * this.#innerDepths.length);
    depths.set(this.#innerDepths);
    this.#innerDepths = depths;
    const last = new Uint32Array(2 * this.#innerLast.length);
    last.set(this.#innerLast);
    this.#innerLast = last;
    this.#innerHashes = Buffer.concat([this.#innerHashes, Buffer.alloc(this.#innerHashes.length)]);
  }
}
