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

const EMPTY_STEP: Buffer = Buffer.from([TAG_EMPTY, 1]);
const END_STEP: Buffer = Buffer.from([TAG_END, 1]);
const ENTER_STEP: Buffer = Buffer.from([TAG_ENTER, 1]);
const LEAF_HEAD: Buffer = Buffer.from([TAG_LEAF, 68, TAG_KEY_HASH, HASH_BYTES]);
const LEAF_MIDDLE: Buffer = Buffer.from([TAG_VALUE_HASH, HASH_BYTES]);
const INNER_HEAD: Buffer = Buffer.from([TAG_INNER, HASH_BYTES]);

/** Appends a step as field `frontier` of DeltaChunk. */
export function writeStep(body: WireWriter, step: FrontierStep): void {
  switch (step.kind) {
    case "empty":
      body.field(TAG_FRONTIER, EMPTY_STEP);
      break;
    case "leaf":
      body.field(TAG_FRONTIER, LEAF_HEAD, step.keyHash, LEAF_MIDDLE, step.valueHash);
      break;
    case "inner":
      body.field(TAG_FRONTIER, INNER_HEAD, step.hash);
      break;
    case "end":
      body.field(TAG_FRONTIER, END_STEP);
      break;
    case "enter":
      body.field(TAG_FRONTIER, ENTER_STEP);
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
