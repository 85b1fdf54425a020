import { HASH_BYTES } from "./hash.js";
import { EMPTY_NODE, type TreeNode } from "./tree-node.js";
import { WireReader, type WireWriter } from "./wire.js";

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

/**
 * Reads the next field `frontier` of DeltaChunk; hashes are views.
 * @throws PROOF_INVALID unless it is canonical.
 */
export function readStep(body: WireReader): FrontierStep {
  const fields = new WireReader(body.bytes, body.field(TAG_FRONTIER));
  const step = stepOf(fields);
  fields.done();
  return step;
}

function stepOf(fields: WireReader): FrontierStep {
  switch (fields.tag) {
    case TAG_EMPTY:
      fields.flag(TAG_EMPTY);
      return EMPTY_NODE;
    case TAG_LEAF: {
      const leaf = new WireReader(fields.bytes, fields.field(TAG_LEAF));
      const keyHash = leaf.fixed(TAG_KEY_HASH, HASH_BYTES);
      const valueHash = leaf.fixed(TAG_VALUE_HASH, HASH_BYTES);
      leaf.done();
      return { kind: "leaf", keyHash, valueHash };
    }
    case TAG_INNER:
      return { kind: "inner", hash: fields.fixed(TAG_INNER, HASH_BYTES) };
    case TAG_END:
      fields.flag(TAG_END);
      return { kind: "end" };
    case TAG_ENTER:
      fields.flag(TAG_ENTER);
      return { kind: "enter" };
    default:
      throw fields.malformed("a frontier step is expected");
  }
}
