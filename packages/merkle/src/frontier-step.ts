import { HASH_BYTES } from "./hash.js";
import type { TreeNode } from "./tree-node.js";
import type { WireReader, WireWriter } from "./wire.js";

/**
 * One step of the walk over the binary tree under a delta tile: an unchanged subtree, the end at
 * a changed key that is alone in both states, or the way into both halves.
 */
export type FrontierStep = TreeNode | { readonly kind: "end" } | { readonly kind: "enter" };

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

/** The end at a changed key. */
export const END: FrontierStep = { kind: "end" };
/** The way into both halves. */
export const ENTER: FrontierStep = { kind: "enter" };

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

/** Appends a step as field `frontier` of DeltaChunk. */
export function writeStep(body: WireWriter, step: FrontierStep): void {
  switch (step.kind) {
    case "empty":
      body.raw(EMPTY_FIELD);
      break;
    case "leaf":
      body.raw(LEAF_HEAD).raw(step.keyHash).raw(LEAF_MIDDLE).raw(step.valueHash);
      break;
    case "inner":
      body.raw(INNER_HEAD).raw(step.hash);
      break;
    case "end":
      body.raw(END_FIELD);
      break;
    case "enter":
      body.raw(ENTER_FIELD);
      break;
  }
}

/** Reads fields `frontier` of DeltaChunk; what was read last is in its fields. */
export class StepCursor {
  kind: FrontierStep["kind"] = "end";
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
