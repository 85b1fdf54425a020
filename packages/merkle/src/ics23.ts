import { strict as assert } from "node:assert";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { HoldfastError } from "@holdfast/core";
import { EMPTY_HASH, HASH_BYTES, INNER_PREFIX, LEAF_PREFIX, sha256 } from "./hash.js";
import { bitAt, DEPTH_MAX } from "./path.js";
import { nodeHash, type TreeNode } from "./tree-node.js";

/** A key, its value, and the siblings on its path (the deepest first). */
export interface Ics23Item {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly siblings: readonly TreeNode[];
}

/** `cosmos.ics23.v1.HashOp`. */
const SHA256 = 1;
/** `cosmos.ics23.v1.LengthOp`. */
const NO_PREFIX = 0;

/** What a verifier must know of the state tree, in the shape @confio/ics23 takes. */
export const ICS23_SPEC: {
  readonly leafSpec: {
    readonly hash: number;
    readonly prehashKey: number;
    readonly prehashValue: number;
    readonly length: number;
    readonly prefix: Uint8Array;
  };
  readonly innerSpec: {
    readonly childOrder: number[];
    readonly childSize: number;
    readonly minPrefixLength: number;
    readonly maxPrefixLength: number;
    readonly emptyChild: Uint8Array;
    readonly hash: number;
  };
  readonly maxDepth: number;
  readonly minDepth: number;
  readonly prehashKeyBeforeComparison: boolean;
} = {
  leafSpec: {
    hash: SHA256,
    prehashKey: SHA256,
    prehashValue: SHA256,
    length: NO_PREFIX,
    prefix: LEAF_PREFIX,
  },
  innerSpec: {
    childOrder: [0, 1],
    childSize: HASH_BYTES,
    minPrefixLength: INNER_PREFIX.length,
    maxPrefixLength: INNER_PREFIX.length,
    emptyChild: EMPTY_HASH,
    hash: SHA256,
  },
  minDepth: 0,
  maxDepth: DEPTH_MAX,
  prehashKeyBeforeComparison: true,
};

/**
 * An encoded `cosmos.ics23.v1.CommitmentProof` that the key has the value.
 * @throws PROOF_NOT_EXPRESSIBLE for an empty value, which ICS 23 does not know.
 */
export function ics23Existence(key: Buffer, value: Buffer, siblings: readonly TreeNode[]): Buffer {
  const writer = new BinaryWriter();
  writeExistence(writer.uint32((1 << 3) | 2).fork(), { key, value, siblings });
  return Buffer.from(writer.join().finish());
}

/**
 * An encoded `cosmos.ics23.v1.CommitmentProof` that the key is absent: the neighbours left and
 * right of its hash, null where there is none.
 * @throws PROOF_NOT_EXPRESSIBLE for an empty tree (no neighbour), or one with an empty value.
 */
export function ics23Absence(key: Buffer, left: Ics23Item | null, right: Ics23Item | null): Buffer {
  if (left === null && right === null)
    throw notExpressible("the absence of a key in an empty tree");
  const writer = new BinaryWriter();
  writer.uint32((2 << 3) | 2).fork();
  writer.uint32((1 << 3) | 2).bytes(key);
  if (left !== null) {
    writeExistence(writer.uint32((2 << 3) | 2).fork(), left);
    writer.join();
  }
  if (right !== null) {
    writeExistence(writer.uint32((3 << 3) | 2).fork(), right);
    writer.join();
  }
  return Buffer.from(writer.join().finish());
}

/** Writes the fields of an ExistenceProof. */
function writeExistence(writer: BinaryWriter, { key, value, siblings }: Ics23Item): void {
  if (value.length === 0) throw notExpressible("a key whose value is empty");
  writer.uint32((1 << 3) | 2).bytes(key);
  writer.uint32((2 << 3) | 2).bytes(value);
  // LeafOp; `length` is left out, since NO_PREFIX is zero.
  writer.uint32((3 << 3) | 2).fork();
  for (const field of [1, 2, 3]) writer.uint32(field << 3).int32(SHA256);
  writer.uint32((5 << 3) | 2).bytes(LEAF_PREFIX);
  writer.join();
  const keyHash = sha256(key);
  // Where the leaf has no neighbour it has risen: the path begins below its first inner node.
  const first = siblings.findIndex((sibling) => sibling.kind !== "empty");
  for (const [i, sibling] of siblings.entries()) {
    if (first === -1 || i < first) continue;
    writeInnerOp(writer, bitAt(keyHash, siblings.length - 1 - i), nodeHash(sibling));
  }
}

/** Writes field `path` of an ExistenceProof; `bit` says in which half the path goes on. */
function writeInnerOp(writer: BinaryWriter, bit: 0 | 1, sibling: Buffer): void {
  assert.equal(sibling.length, HASH_BYTES);
  writer.uint32((4 << 3) | 2).fork();
  writer.uint32(1 << 3).int32(SHA256);
  writer
    .uint32((2 << 3) | 2)
    .bytes(bit === 0 ? INNER_PREFIX : Buffer.concat([INNER_PREFIX, sibling]));
  if (bit === 0) writer.uint32((3 << 3) | 2).bytes(sibling);
  writer.join();
}

function notExpressible(what: string): HoldfastError {
  return new HoldfastError("PROOF_NOT_EXPRESSIBLE", `ICS 23 cannot express ${what}.`);
}
