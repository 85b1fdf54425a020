import { copyWords, memoryOf } from "./copy-words.js";
import {
  BYTES_AT,
  HASH_BYTES,
  INNER_SLOT_BYTES,
  ITEMS_AT,
  LEAF_SLOT_BYTES,
  NODE_FORMAT,
  NODE_SLOTS,
  NodeShape,
  SLOT_HASH_AT,
  slotsBelow,
} from "./node-shape.js";
import type { Slot } from "./slot.js";

/** Values of the lower half of a u64. */
const WORD: number = 2 ** 32;

/** A slot that takes the place of the one that was there. */
export interface SlotChange {
  /** 0..15. */
  readonly index: number;
  readonly slot: Slot;
}

/** A node with all its hashes. */
interface HashedNode {
  readonly encoded: Buffer;
  readonly shape: NodeShape;
}

/** A node with exchanged slots whose hashes above them are still to be made. */
export interface UnhashedNode {
  readonly encoded: Buffer;
  readonly shape: NodeShape;
  /** Slots that changed, as a mask. */
  readonly changed: number;
}

/**
 * Exchanges slots of a node; binary nodes above an exchanged slot get no hash.
 * @param isOwn nobody else has the node: when its shape stays, its memory becomes the new one's.
 */
export function exchangeSlots(
  { encoded: before, shape: old }: HashedNode,
  isOwn: boolean,
  changes: readonly SlotChange[],
): UnhashedNode {
  let { leafMask, innerMask } = old;
  let changed = 0;
  for (const { index, slot } of changes) {
    const bit = 1 << index;
    changed |= bit;
    leafMask = slot.kind === "leaf" ? leafMask | bit : leafMask & ~bit;
    innerMask = slot.kind === "inner" ? innerMask | bit : innerMask & ~bit;
  }
  const isSame = leafMask === old.leafMask && innerMask === old.innerMask;
  const shape = isSame ? old : new NodeShape(leafMask, innerMask);
  const encoded = isSame && isOwn ? before : Buffer.allocUnsafe(shape.length);
  if (!isSame) copyKept(before, old, encoded, shape, changed);
  else if (!isOwn) encoded.set(before);
  for (const { index, slot } of changes) writeSlot(encoded, shape.slotAt(index), slot);
  return { encoded, shape, changed };
}

/** Copies what does not change into the encoding of another shape. */
function copyKept(
  before: Buffer,
  old: NodeShape,
  target: Buffer,
  shape: NodeShape,
  changed: number,
): void {
  target[0] = NODE_FORMAT;
  target.writeUInt16BE(shape.leafMask, 1);
  target.writeUInt16BE(shape.innerMask, 3);
  const [from, to] = [memoryOf(before), memoryOf(target)];
  const [fromAt, toAt] = [before.byteOffset, target.byteOffset];
  for (let index = 0; index < NODE_SLOTS; index++) {
    const bit = 1 << index;
    if ((changed & bit) !== 0 || ((shape.leafMask | shape.innerMask) & bit) === 0) continue;
    const length = (shape.leafMask & bit) !== 0 ? LEAF_SLOT_BYTES : INNER_SLOT_BYTES;
    copyWords(from, fromAt + old.slotAt(index), to, toAt + shape.slotAt(index), length / 4);
  }
  for (let heap = 1; heap < NODE_SLOTS; heap++) {
    if ((shape.binaryMask & (1 << heap)) === 0 || (slotsBelow(heap) & changed) !== 0) continue;
    copyWords(from, fromAt + old.hashAt(heap), to, toAt + shape.hashAt(heap), HASH_BYTES / 4);
  }
}

function writeSlot(target: Buffer, at: number, slot: Slot): void {
  switch (slot.kind) {
    case "empty":
      return;
    case "leaf":
      target.set(slot.keyHash, at);
      target.set(slot.valueHash, at + HASH_BYTES);
      target.writeUInt32BE(slot.bytes, at + 2 * HASH_BYTES);
      return;
    case "inner":
      writeVersion(target, at, slot.version);
      target.set(slot.hash, at + SLOT_HASH_AT);
      target.writeUIntBE(slot.items, at + ITEMS_AT, 6);
      target.writeUIntBE(slot.bytes, at + BYTES_AT, 6);
      return;
  }
}

/** A version (below 2^53) as u64; Node's own way makes a BigInt for each byte. */
function writeVersion(target: Buffer, at: number, version: bigint): void {
  const number = Number(version);
  target.writeUInt32BE(Math.floor(number / WORD), at);
  target.writeUInt32BE(number % WORD, at + 4);
}
