import { copyHash, HASH_BYTES, type TreeNode } from "@holdfast/merkle";

/** Wire types, the low three bits of a tag. */
const VARINT = 0;
const LENGTH_DELIMITED = 2;
/** Largest number whose varint is written with integer operations. */
const INT31_MAX = 0x7fff_ffff;

// Fields of TreeNode and LeafNode.
const NODE_EMPTY = 1;
const NODE_LEAF = 2;
const NODE_INNER = 3;
const LEAF_KEY_HASH = 1;
const LEAF_VALUE_HASH = 2;
/** Lengths of an encoded TreeNode and of the LeafNode in it. */
const EMPTY_NODE_BYTES = 2;
const LEAF_BYTES = 68;
const LEAF_NODE_BYTES = 70;
const INNER_NODE_BYTES = 34;

/** Writes protobuf fields with numbers below 16 into a buffer that is large enough. */
export class FieldWriter {
  readonly target: Buffer;
  /** Behind the last byte written. */
  at: number;

  constructor(target: Buffer, at: number) {
    this.target = target;
    this.at = at;
  }

  /** A number field, left out when zero. */
  number(field: number, value: number): void {
    if (value === 0) return;
    this.target[this.at++] = (field << 3) | VARINT;
    this.at = writeVarint(this.target, this.at, value);
  }

  /** A field of a hash. */
  hash(field: number, value: Uint8Array): void {
    this.head(field, HASH_BYTES);
    copyHash(this.target, this.at, value, 0);
    this.at += HASH_BYTES;
  }

  /** A field of ASCII text. */
  ascii(field: number, value: string): void {
    const { length } = value;
    this.head(field, length);
    // Paths are short: a call of `write` takes longer.
    for (let i = 0; i < length; i++) this.target[this.at + i] = value.charCodeAt(i);
    this.at += length;
  }

  /** A TreeNode. */
  node(field: number, node: TreeNode): void {
    this.head(field, nodeBytes(node));
    switch (node.kind) {
      case "empty":
        this.number(NODE_EMPTY, 1);
        break;
      case "leaf":
        this.head(NODE_LEAF, LEAF_BYTES);
        this.hash(LEAF_KEY_HASH, node.keyHash);
        this.hash(LEAF_VALUE_HASH, node.valueHash);
        break;
      case "inner":
        this.hash(NODE_INNER, node.hash);
        break;
    }
  }

  /** Tag and length of a field whose content follows. */
  head(field: number, length: number): void {
    this.target[this.at++] = (field << 3) | LENGTH_DELIMITED;
    this.at = writeVarint(this.target, this.at, length);
  }
}

/** Length of an encoded TreeNode. */
export function nodeBytes(node: TreeNode): number {
  switch (node.kind) {
    case "empty":
      return EMPTY_NODE_BYTES;
    case "leaf":
      return LEAF_NODE_BYTES;
    case "inner":
      return INNER_NODE_BYTES;
  }
}

/** Bytes of a non-negative number below 2^53 as a varint. */
export function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

function writeVarint(target: Buffer, at: number, value: number): number {
  let rest = value;
  while (rest > INT31_MAX) {
    target[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}
