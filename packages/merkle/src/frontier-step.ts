import { HASH_BYTES } from "./hash.js";
import type { TreeNode } from "./tree-node.js";
import type { WireReader, WireWriter } from "./wire.js";

/**
 * One step of the walk over the binary tree under a delta tile: an unchanged subtree, the end at
 * a changed key that is alone in both states, or the way into both halves.
 */
export type StepKind = TreeNode["kind"] | "end" | "enter";

/** Tag of field `frontier` of DeltaChunk. */
export const TAG_FRONTIER = 0x4a;
// FrontierStep.
const TAG_EMPTY = 0x08;
const TAG_LEAF = 0x12;
const TAG_INNER = 0x1a;
const TAG_END = 0x20;
const TAG_ENTER = 0x28;
// LeafNode.
const TAG_KEY_HASH = 0x0a;
const TAG_VALUE_HASH = 0x12;

// Whole fields, as far as they are always the same.
const EMPTY_FIELD: Buffer = Buffer.from([TAG_FRONTIER, 2, TAG_EMPTY, 1]);
const END_FIELD: Buffer = Buffer.from([TAG_FRONTIER, 2, TAG_END, 1]);
const ENTER_FIELD: Buffer = Buffer.from([TAG_FRONTIER, 2, TAG_ENTER, 1]);
const LEAF_BYTES: number = 2 * (2 + HASH_BYTES);
const LEAF_HEAD: Buffer = Buffer.from(
  [TAG_FRONTIER, 2 + LEAF_BYTES, TAG_LEAF, LEAF_BYTES].concat(TAG_KEY_HASH, HASH_BYTES),
);
const LEAF_MIDDLE: Buffer = Buffer.from([TAG_VALUE_HASH, HASH_BYTES]);
const INNER_HEAD: Buffer = Buffer.from([TAG_FRONTIER, 2 + HASH_BYTES, TAG_INNER, HASH_BYTES]);

/** A node, and where it lies: of an inner one its hash, of a leaf its key hash and value hash. */
export interface NodePlace {
  readonly kind: TreeNode["kind"];
  readonly bytes: Buffer;
  readonly at: number;
}

/** A node as bytes that lie somewhere. */
export function placeOf(node: TreeNode): NodePlace {
  switch (node.kind) {
    case "empty":
      return { kind: node.kind, bytes: Buffer.alloc(0), at: 0 };
    case "leaf":
      return { kind: node.kind, bytes: Buffer.concat([node.keyHash, node.valueHash]), at: 0 };
    case "inner":
      return { kind: node.kind, bytes: node.hash, at: 0 };
  }
}

/** Appends a node as field `frontier` of DeltaChunk. */
export function writeNodeStep(body: WireWriter, { kind, bytes, at }: NodePlace): void {
  switch (kind) {
    case "empty":
      body.raw(EMPTY_FIELD);
      break;
    case "leaf":
      body.raw(LEAF_HEAD).hash(bytes, at);
      body.raw(LEAF_MIDDLE).hash(bytes, at + HASH_BYTES);
      break;
    case "inner":
      body.raw(INNER_HEAD).hash(bytes, at);
      break;
  }
}

/** Appends the end at a changed key, or the way into both halves, as field `frontier`. */
export function writeStep(body: WireWriter, step: "end" | "enter"): void {
  body.raw(step === "end" ? END_FIELD : ENTER_FIELD);
}

/** Reads fields `frontier` of DeltaChunk; what was read last is in its fields. */
export class StepCursor {
  kind: StepKind = "end";
  /** Where the hash of an inner node, or the key hash of a leaf begins. */
  hashAt = 0;
  /** Where the value hash of a leaf begins. */
  valueHashAt = 0;
  readonly #body: WireReader;

  constructor(body: WireReader) {
    this.#body = body;
  }

  /**
   * Steps to the next one.
   * @throws PROOF_INVALID unless there is one, and it is canonical.
   */
  next(): void {
    const body = this.#body;
    const outerEnd = body.enter(TAG_FRONTIER);
    switch (body.nextTag()) {
      case TAG_EMPTY:
        body.flag(TAG_EMPTY);
        this.kind = "empty";
        break;
      case TAG_LEAF: {
        const stepEnd = body.enter(TAG_LEAF);
        this.hashAt = body.fixedAt(TAG_KEY_HASH, HASH_BYTES);
        this.valueHashAt = body.fixedAt(TAG_VALUE_HASH, HASH_BYTES);
        body.leave(stepEnd);
        this.kind = "leaf";
        break;
      }
      case TAG_INNER:
        this.hashAt = body.fixedAt(TAG_INNER, HASH_BYTES);
        this.kind = "inner";
        break;
      case TAG_END:
        body.flag(TAG_END);
        this.kind = "end";
        break;
      case TAG_ENTER:
        body.flag(TAG_ENTER);
        this.kind = "enter";
        break;
      default:
        throw body.malformed("a frontier step is expected");
    }
    body.leave(outerEnd);
  }
}
