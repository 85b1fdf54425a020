// The state tree as docs/hashing.md defines it, as plainly as it can be written, to hold the real
// code against: recursion over bit strings, createHash, no sharing with the code under test.
import { createHash } from "node:crypto";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import type { StateProof, TreeNode } from "../index.js";

export interface ModelLeaf {
  readonly keyHash: Buffer;
  readonly valueHash: Buffer;
}

export interface ModelItem extends ModelLeaf {
  readonly key: Buffer;
  readonly value: Buffer;
  /** Encoded StateItem. */
  readonly item: Buffer;
}

export function modelHash(...parts: readonly (Uint8Array | string)[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Bits of hashes seen: the recursion asks for the same ones again and again. */
const bitsSeen = new WeakMap<Uint8Array, string>();

export function bitsOf(keyHash: Uint8Array): string {
  const seen = bitsSeen.get(keyHash);
  if (seen !== undefined) return seen;
  const bits = [...keyHash].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  bitsSeen.set(keyHash, bits);
  return bits;
}

/** A path as bits. */
export function pathBits(path: string): string {
  return [...path].map((digit) => Number.parseInt(digit, 16).toString(2).padStart(4, "0")).join("");
}

/** A key hash that begins with these bits; the rest is zero. */
export function hashOfBits(bits: string): Buffer {
  const padded = bits.padEnd(256, "0");
  return Buffer.from(padded.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? []);
}

/** The leaves whose key hash begins with `bits`. */
export function leavesUnder<L extends ModelLeaf>(leaves: readonly L[], bits: string): L[] {
  return leaves.filter(({ keyHash }) => bitsOf(keyHash).startsWith(bits));
}

/** The node of the subtree under `bits`. */
export function modelNode(leaves: readonly ModelLeaf[], bits: string): TreeNode {
  const under = leavesUnder(leaves, bits);
  const [first] = under;
  if (first === undefined) return { kind: "empty" };
  if (under.length === 1) {
    return { kind: "leaf", keyHash: first.keyHash, valueHash: first.valueHash };
  }
  const left = modelNodeHash(modelNode(under, `${bits}0`));
  const right = modelNodeHash(modelNode(under, `${bits}1`));
  return { kind: "inner", hash: modelHash("JMT::IntrnalNode", left, right) };
}

export function modelNodeHash(node: TreeNode): Buffer {
  switch (node.kind) {
    case "empty":
      return Buffer.from("SPARSE_MERKLE_PLACEHOLDER_HASH__");
    case "leaf":
      return modelHash("JMT::LeafNode", node.keyHash, node.valueHash);
    case "inner":
      return node.hash;
  }
}

/** Siblings of the subtree under `bits`, the deepest first. */
export function modelSiblings(leaves: readonly ModelLeaf[], bits: string): TreeNode[] {
  const siblings: TreeNode[] = [];
  for (let depth = bits.length - 1; depth >= 0; depth--) {
    const other = bits[depth] === "0" ? "1" : "0";
    siblings.push(modelNode(leaves, bits.slice(0, depth) + other));
  }
  return siblings;
}

/** Proof of what stands on the path of a key hash: down to the first subtree that is not inner. */
export function modelProof(leaves: readonly ModelLeaf[], keyHash: Buffer): StateProof {
  const bits = bitsOf(keyHash);
  let depth = 0;
  while (leavesUnder(leaves, bits.slice(0, depth)).length > 1) depth++;
  const prefix = bits.slice(0, depth);
  return { met: modelNode(leaves, prefix), siblings: modelSiblings(leaves, prefix) };
}

/** An item, encoded by the protobuf library. */
export function modelItem(key: Uint8Array, value: Uint8Array): ModelItem {
  const writer = new BinaryWriter();
  writer.uint32((1 << 3) | 2).bytes(key);
  if (value.length > 0) writer.uint32((2 << 3) | 2).bytes(value);
  return {
    key: Buffer.from(key),
    value: Buffer.from(value),
    keyHash: modelHash(key),
    valueHash: modelHash(value),
    item: Buffer.from(writer.finish()),
  };
}

/** Items in ascending order of key hash. */
export function ascending<L extends ModelLeaf>(leaves: readonly L[]): L[] {
  return leaves.toSorted((a, b) => Buffer.compare(a.keyHash, b.keyHash));
}

/** Field `items` of StateChunk as on the wire. */
export function modelBody(items: readonly ModelItem[]): Buffer {
  const writer = new BinaryWriter();
  for (const { item } of items) writer.uint32((6 << 3) | 2).bytes(item);
  return Buffer.from(writer.finish());
}

/** `count` items whose keys and values derive from `seed`; values of up to `valueBytesMax`. */
export function modelItems(seed: string, count: number, valueBytesMax = 40): ModelItem[] {
  const items: ModelItem[] = [];
  for (let i = 0; i < count; i++) {
    const random = modelHash(seed, `${i}`);
    const key = random.subarray(0, 1 + ((random[0] ?? 0) % 20));
    const value = Buffer.alloc(random.readUInt32BE(4) % (valueBytesMax + 1), random);
    items.push(modelItem(Buffer.concat([Buffer.from(`${i}:`), key]), value));
  }
  return ascending(items);
}
