import { HoldfastError } from "@holdfast/core";
import { HASH_BYTES, type TreeNode } from "@holdfast/merkle";

/** A tile as the plan of a restore names it. */
export interface PlanTile {
  /** 1..64 nibbles. */
  readonly path: string;
  /** The node of the subtree; never empty. */
  readonly node: TreeNode;
  readonly items: number;
  /** Sum of the encoded lengths of its items. */
  readonly bytes: number;
}

/** A tile of the plan, and whether its rows are written. */
export interface PlanRow {
  readonly tile: PlanTile;
  readonly done: boolean;
}

/*
 * A row: done u8, kind u8 (1 leaf, 2 inner), items u48, bytes u48, then key hash and value hash of
 * a leaf or the hash of an inner node. Two rows of one tile differ in their first byte only.
 */
const DONE_AT = 0;
const KIND_AT = 1;
const ITEMS_AT = 2;
const BYTES_AT = 8;
const NODE_AT = 14;
const LEAF = 1;
const INNER = 2;

/** The row of a tile that is not done. */
export function encodePlanRow(tile: Omit<PlanTile, "path">): Buffer {
  const { node } = tile;
  const isLeaf = node.kind === "leaf";
  const row = Buffer.alloc(NODE_AT + (isLeaf ? 2 : 1) * HASH_BYTES);
  row[KIND_AT] = isLeaf ? LEAF : INNER;
  row.writeUIntBE(tile.items, ITEMS_AT, 6);
  row.writeUIntBE(tile.bytes, BYTES_AT, 6);
  switch (node.kind) {
    case "leaf":
      row.set(node.keyHash, NODE_AT);
      row.set(node.valueHash, NODE_AT + HASH_BYTES);
      return row;
    case "inner":
      row.set(node.hash, NODE_AT);
      return row;
    case "empty":
      throw new RangeError("a tile is never empty");
  }
}

/** Whether the row says that the tile is written. */
export function isDone(row: Uint8Array): boolean {
  return row[DONE_AT] === 1;
}

/** The same row, done. */
export function doneRow(row: Uint8Array): Buffer {
  const done = Buffer.from(row);
  done[DONE_AT] = 1;
  return done;
}

/** Whether two rows name the same node, items and bytes, done or not. */
export function sameTile(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a.subarray(KIND_AT), b.subarray(KIND_AT)) === 0;
}

/** @throws ROW_CORRUPT. */
export function decodePlanRow(path: string, row: Buffer): PlanRow {
  const kind = row[KIND_AT];
  const length = NODE_AT + (kind === LEAF ? 2 : 1) * HASH_BYTES;
  if ((kind !== LEAF && kind !== INNER) || row.length !== length) {
    throw new HoldfastError("ROW_CORRUPT", `The plan row of tile ${path} is corrupt.`, {
      metadata: { path },
    });
  }
  const hashAt = (at: number): Buffer => row.subarray(at, at + HASH_BYTES);
  const node: TreeNode =
    kind === LEAF
      ? { kind: "leaf", keyHash: hashAt(NODE_AT), valueHash: hashAt(NODE_AT + HASH_BYTES) }
      : { kind: "inner", hash: hashAt(NODE_AT) };
  const items = row.readUIntBE(ITEMS_AT, 6);
  const bytes = row.readUIntBE(BYTES_AT, 6);
  return { tile: { path, node, items, bytes }, done: isDone(row) };
}
