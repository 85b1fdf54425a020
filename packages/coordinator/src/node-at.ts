import { HoldfastError } from "@holdfast/core";
import { EMPTY_NODE, HASH_BYTES, nodesEqual, type TreeNode } from "@holdfast/merkle";
import { FieldCursor, type Span } from "./wire-fields.js";

// Numbers of the fields of TreeNode, and of LeafNode.
const NODE_EMPTY = 1;
const NODE_LEAF = 2;
const NODE_INNER = 3;
const LEAF_KEY_HASH = 1;
const LEAF_VALUE_HASH = 2;

/**
 * The node of the TreeNode message that lies there; its hashes are views.
 * @throws PROOF_INVALID when it is none; INTERNAL when it does not parse.
 */
export function nodeAt(bytes: Buffer, message: Span): TreeNode {
  const field = new FieldCursor(bytes);
  field.begin(message);
  let node: TreeNode | null = null;
  while (field.next()) {
    if (field.number === NODE_EMPTY && field.value === 1) node = EMPTY_NODE;
    else if (field.number === NODE_INNER) node = { kind: "inner", hash: hashAt(bytes, field) };
    else if (field.number === NODE_LEAF) node = leafAt(bytes, field);
  }
  if (node === null) throw noNode();
  return node;
}

/** Tag and length of an inner node's one field: nearly all nodes are this and a hash. */
const INNER_HEAD: Buffer = Buffer.from([(NODE_INNER << 3) | 2, HASH_BYTES]);

/**
 * Whether the TreeNode message that lies there is this node.
 * @throws INTERNAL when it does not parse.
 */
export function isNodeAt(bytes: Buffer, message: Span, node: TreeNode): boolean {
  if (node.kind === "inner" && isInnerAt(bytes, message, node.hash)) return true;
  try {
    return nodesEqual(nodeAt(bytes, message), node);
  } catch (error) {
    if (error instanceof HoldfastError && error.reason === "PROOF_INVALID") return false;
    throw error;
  }
}

/** Whether a message is an inner node with this hash and nothing else: makes no objects. */
function isInnerAt(bytes: Buffer, { start, end }: Span, hash: Buffer): boolean {
  if (end - start !== INNER_HEAD.length + HASH_BYTES) return false;
  if (bytes[start] !== INNER_HEAD[0] || bytes[start + 1] !== INNER_HEAD[1]) return false;
  const at = start + INNER_HEAD.length;
  for (let i = 0; i < HASH_BYTES; i++) if (bytes[at + i] !== hash[i]) return false;
  return true;
}

function leafAt(bytes: Buffer, message: Span): TreeNode {
  const field = new FieldCursor(bytes);
  field.begin(message);
  let keyHash: Buffer | null = null;
  let valueHash: Buffer | null = null;
  while (field.next()) {
    if (field.number === LEAF_KEY_HASH) keyHash = hashAt(bytes, field);
    else if (field.number === LEAF_VALUE_HASH) valueHash = hashAt(bytes, field);
  }
  if (keyHash === null || valueHash === null) throw noNode();
  return { kind: "leaf", keyHash, valueHash };
}

function hashAt(bytes: Buffer, { start, end }: Span): Buffer {
  if (end - start !== HASH_BYTES) throw noNode();
  return bytes.subarray(start, end);
}

/** PROOF_INVALID for what is no node. */
export function noNode(): HoldfastError {
  return new HoldfastError("PROOF_INVALID", "A node of the state tree is missing or malformed.");
}
