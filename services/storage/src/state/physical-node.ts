import { strict as assert } from "node:assert";
import { HoldfastError } from "@holdfast/core";
import { EMPTY_HASH, EMPTY_NODE, innerHash, leafHash, type TreeNode } from "@holdfast/merkle";
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
  SLOTS_AT,
  slotsBelow,
} from "./node-shape.js";
import { EMPTY_SLOT, type Slot } from "./slot.js";
import { exchangeSlots, type SlotChange } from "./slot-exchange.js";

/** A subtree: its root, how many keys it has, and the sum of their items' encoded lengths. */
export interface Subtree {
  readonly node: TreeNode;
  readonly items: number;
  readonly bytes: number;
}

const EMPTY_SUBTREE: Subtree = { node: EMPTY_NODE, items: 0, bytes: 0 };

/**
 * A node of the state tree as it is stored: 16 children, and the hashes of all binary nodes
 * between them, so that a changed child costs four hashes. Immutable (but see `exchangeSlots`);
 * what it returns are views of its encoding.
 */
export class PhysicalNode {
  /** The node without a key. */
  static readonly EMPTY: PhysicalNode = new PhysicalNode(
    Buffer.from([NODE_FORMAT, 0, 0, 0, 0]),
    new NodeShape(0, 0),
  );

  /** As it is stored (`node-shape.ts`). */
  readonly encoded: Buffer;
  /** Where things lie in it. */
  readonly shape: NodeShape;

  /** For those who made `encoded` in this shape; others decode. */
  constructor(encoded: Buffer, shape: NodeShape) {
    this.encoded = encoded;
    this.shape = shape;
  }

  /**
   * The node in `encoded`, which must not change any more.
   * @throws ROW_CORRUPT when it is no node.
   */
  static decode(encoded: Buffer): PhysicalNode {
    if (encoded.length < SLOTS_AT || encoded[0] !== NODE_FORMAT) throw corrupt();
    const shape = new NodeShape(encoded.readUInt16BE(1), encoded.readUInt16BE(3));
    if ((shape.leafMask & shape.innerMask) !== 0 || shape.length !== encoded.length) {
      throw corrupt();
    }
    return new PhysicalNode(encoded, shape);
  }

  /** The node with these 16 slots. */
  static of(slots: readonly Slot[]): PhysicalNode {
    assert.equal(slots.length, NODE_SLOTS);
    return PhysicalNode.EMPTY.with(slots.map((slot, index) => ({ index, slot })));
  }

  /** The slot of a nibble, 0..15. */
  slot(index: number): Slot {
    const bit = 1 << index;
    const { encoded } = this;
    if ((this.shape.leafMask & bit) !== 0) {
      const at = this.shape.slotAt(index);
      return {
        kind: "leaf",
        keyHash: encoded.subarray(at, at + HASH_BYTES),
        valueHash: encoded.subarray(at + HASH_BYTES, at + 2 * HASH_BYTES),
        bytes: encoded.readUInt32BE(at + 2 * HASH_BYTES),
      };
    }
    if ((this.shape.innerMask & bit) === 0) return EMPTY_SLOT;
    const at = this.shape.slotAt(index);
    return {
      kind: "inner",
      version: encoded.readBigUInt64BE(at),
      hash: encoded.subarray(at + 8, at + 40),
      items: encoded.readUIntBE(at + ITEMS_AT, 6),
      bytes: encoded.readUIntBE(at + BYTES_AT, 6),
    };
  }

  /** Version of the physical node below an inner slot; null when the slot is not inner. */
  childVersion(index: number): bigint | null {
    if ((this.shape.innerMask & (1 << index)) === 0) return null;
    return this.encoded.readBigUInt64BE(this.shape.slotAt(index));
  }

  /** The slots of all nibbles. */
  slots(): Slot[] {
    return Array.from({ length: NODE_SLOTS }, (_, index) => this.slot(index));
  }

  /** The whole node as a subtree. */
  get subtree(): Subtree {
    return this.binaryNode(0, 0);
  }

  /**
   * The binary node `depth` bits (0..4) below the top of this node; `index` counts those of one
   * depth from the left.
   */
  binaryNode(depth: number, index: number): Subtree {
    const { leafMask, innerMask } = this.shape;
    const occupied = (leafMask | innerMask) & slotsBelow((1 << depth) + index);
    if (occupied === 0) return EMPTY_SUBTREE;
    const { items, bytes } = this.counts(occupied);
    return { node: this.treeNode(depth, index), items, bytes };
  }

  /** The root of such a subtree alone: what is below it is not counted. */
  treeNode(depth: number, index: number): TreeNode {
    const heap = (1 << depth) + index;
    const kind = this.shape.kind(heap);
    return treeNodeAt(kind, this.encoded, this.nodeAt(heap, kind));
  }

  /**
   * Where the root at heap position `heap` lies, which is of this kind: of an inner one its hash, of
   * a leaf its key hash and its value hash behind that.
   */
  nodeAt(heap: number, kind: TreeNode["kind"]): number {
    const { shape } = this;
    if (kind === "empty") return 0;
    if (kind === "inner" && heap < NODE_SLOTS) return shape.hashAt(heap);
    const slot = 31 - Math.clz32((shape.leafMask | shape.innerMask) & slotsBelow(heap));
    return shape.slotAt(slot) + (kind === "inner" ? SLOT_HASH_AT : 0);
  }

  /** Where the leaf in a slot begins; null when there is none. */
  leafAt(index: number): number | null {
    return (this.shape.leafMask & (1 << index)) === 0 ? null : this.shape.slotAt(index);
  }

  /** Keys and bytes of some slots; of all, when no mask is given. */
  counts(occupied: number = this.shape.leafMask | this.shape.innerMask): {
    readonly items: number;
    readonly bytes: number;
  } {
    const { leafMask, innerMask } = this.shape;
    let items = 0;
    let bytes = 0;
    let index = 31 - Math.clz32(occupied & -occupied);
    let at = this.shape.slotAt(index);
    for (; occupied >>> index !== 0; index++) {
      if ((leafMask & (1 << index)) !== 0) {
        items += 1;
        bytes += this.encoded.readUInt32BE(at + 2 * HASH_BYTES);
        at += LEAF_SLOT_BYTES;
      } else if ((innerMask & (1 << index)) !== 0) {
        items += this.encoded.readUIntBE(at + ITEMS_AT, 6);
        bytes += this.encoded.readUIntBE(at + BYTES_AT, 6);
        at += INNER_SLOT_BYTES;
      }
    }
    return { items, bytes };
  }

  /** This node with some of its slots exchanged; hashes only what lies above those. */
  with(changes: readonly SlotChange[]): PhysicalNode {
    const { encoded, shape, changed } = exchangeSlots(this, false, changes);
    const node = new PhysicalNode(encoded, shape);
    for (let heap = NODE_SLOTS - 1; heap >= 1; heap--) {
      if ((shape.binaryMask & (1 << heap)) === 0 || (slotsBelow(heap) & changed) === 0) continue;
      const hash = innerHash(node.#hashOf(2 * heap), node.#hashOf(2 * heap + 1));
      encoded.set(hash, shape.hashAt(heap));
    }
    return node;
  }

  /** Hash of the binary node (1..15) or slot (16..31) at `heap`; those below it are in place. */
  #hashOf(heap: number): Buffer {
    const { leafMask, innerMask, binaryMask } = this.shape;
    if (heap < NODE_SLOTS && (binaryMask & (1 << heap)) !== 0) {
      const at = this.shape.hashAt(heap);
      return this.encoded.subarray(at, at + HASH_BYTES);
    }
    const below = slotsBelow(heap);
    const leaf = leafMask & below;
    const inner = innerMask & below;
    if ((leaf | inner) === 0) return EMPTY_HASH;
    const at = this.shape.slotAt(31 - Math.clz32(leaf | inner));
    if (inner !== 0) return this.encoded.subarray(at + 8, at + 40);
    const valueAt = at + HASH_BYTES;
    return leafHash(
      this.encoded.subarray(at, valueAt),
      this.encoded.subarray(valueAt, valueAt + HASH_BYTES),
    );
  }
}

/** The node that lies at `at` as `nodeAt` says; its hashes are views. */
export function treeNodeAt(kind: TreeNode["kind"], bytes: Buffer, at: number): TreeNode {
  const middle = at + HASH_BYTES;
  switch (kind) {
    case "empty":
      return EMPTY_NODE;
    case "leaf":
      return {
        kind,
        keyHash: bytes.subarray(at, middle),
        valueHash: bytes.subarray(middle, middle + HASH_BYTES),
      };
    case "inner":
      return { kind, hash: bytes.subarray(at, middle) };
  }
}

function corrupt(): HoldfastError {
  return new HoldfastError("ROW_CORRUPT", "A tree node on disk is corrupt. Run fsck.");
}
