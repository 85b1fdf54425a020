/*
 * The shape of a physical node: which of its 16 slots hold what, and where each thing lies in its
 * encoding.
 *
 *   0      format, 1 byte
 *   1      leaf mask, u16: bit i is set when slot i is a leaf
 *   3      inner mask, u16: bit i is set when slot i is inner
 *   5      the slots in order; an empty slot takes no bytes
 *            leaf:  key hash 32, value hash 32, bytes u32
 *            inner: version u64, hash 32, items u48, bytes u48
 *   ...    the hashes of the inner binary nodes inside this node, by heap index 1..15
 *
 * Heap index: 1 is the node itself, 2h and 2h + 1 are the halves of h, slot i is 16 + i.
 */

/** First byte of an encoded node. */
export const NODE_FORMAT = 1;
/** Where the slots begin. */
export const SLOTS_AT = 5;
/** Encoded length of a leaf slot, bytes. */
export const LEAF_SLOT_BYTES = 68;
/** Encoded length of an inner slot, bytes. */
export const INNER_SLOT_BYTES = 52;
/** Length of a hash, bytes. */
export const HASH_BYTES = 32;
/** Inside of an inner slot: its hash, the number of its keys, their bytes. */
export const SLOT_HASH_AT = 8;
export const ITEMS_AT = 40;
export const BYTES_AT = 46;
/** Slots of a node. */
export const NODE_SLOTS = 16;

/** Set bits of a 16-bit mask. */
function bits(mask: number): number {
  let count = mask - ((mask >>> 1) & 0x5555);
  count = (count & 0x3333) + ((count >>> 2) & 0x3333);
  count = (count + (count >>> 4)) & 0x0f0f;
  return (count + (count >>> 8)) & 0x1f;
}

/** The slots below each heap position, as masks. */
const BELOW: Uint16Array = Uint16Array.from({ length: 2 * NODE_SLOTS }, (_, heap) => {
  if (heap === 0) return 0;
  const depth = 31 - Math.clz32(heap);
  const width = NODE_SLOTS >> depth;
  return ((1 << width) - 1) << ((heap - (1 << depth)) * width);
});

/** The slots below heap position `heap` as a mask. */
export function slotsBelow(heap: number): number {
  return BELOW[heap] ?? 0;
}

/** Which binary nodes (heap index 1..15) have two keys or more, as a mask. */
function binaryMaskOf(leafMask: number, innerMask: number): number {
  let mask = 0;
  for (let heap = 1; heap < NODE_SLOTS; heap++) {
    const below = slotsBelow(heap);
    const leaves = leafMask & below;
    // `leaves & (leaves - 1)` is zero when there is at most one.
    if ((innerMask & below) !== 0 || (leaves & (leaves - 1)) !== 0) mask |= 1 << heap;
  }
  return mask;
}

/** Where things lie in a node with these masks. */
export class NodeShape {
  readonly leafMask: number;
  readonly innerMask: number;
  /** Heap positions 1..15 that are inner. */
  readonly binaryMask: number;
  /** Where the hashes of the binary nodes begin. */
  readonly hashesAt: number;
  /** Encoded length, bytes. */
  readonly length: number;

  constructor(leafMask: number, innerMask: number) {
    this.leafMask = leafMask;
    this.innerMask = innerMask;
    this.binaryMask = binaryMaskOf(leafMask, innerMask);
    this.hashesAt =
      SLOTS_AT + LEAF_SLOT_BYTES * bits(leafMask) + INNER_SLOT_BYTES * bits(innerMask);
    this.length = this.hashesAt + HASH_BYTES * bits(this.binaryMask);
  }

  /** What stands at heap position `heap` (1..31): a lone leaf stands for all above it. */
  kind(heap: number): "empty" | "leaf" | "inner" {
    const below = slotsBelow(heap);
    if (
      heap < NODE_SLOTS ? (this.binaryMask & (1 << heap)) !== 0 : (this.innerMask & below) !== 0
    ) {
      return "inner";
    }
    return (this.leafMask & below) !== 0 ? "leaf" : "empty";
  }

  /** Where slot `index` begins. */
  slotAt(index: number): number {
    const below = (1 << index) - 1;
    return (
      SLOTS_AT +
      LEAF_SLOT_BYTES * bits(this.leafMask & below) +
      INNER_SLOT_BYTES * bits(this.innerMask & below)
    );
  }

  /** Where the hash of binary node `heap` (1..15, set in `binaryMask`) lies. */
  hashAt(heap: number): number {
    return this.hashesAt + HASH_BYTES * bits(this.binaryMask & ((1 << heap) - 1));
  }
}
