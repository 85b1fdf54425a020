import { AscendingFold } from "./ascending-fold.js";
import { sha256 } from "./hash.js";
import { ItemCursor } from "./item-cursor.js";
import { compareKeyHash, hasPath } from "./path.js";
import { proofInvalid } from "./proof-invalid.js";
import type { TreeNode } from "./tree-node.js";

/** What a chunk folds to. */
export interface FoldedChunk {
  /** The node of the subtree at the chunk's path. */
  readonly node: TreeNode;
  /** Number of items. */
  readonly items: number;
  /** Sum of the encoded lengths of the items, without the chunk's tags and lengths. */
  readonly bytes: number;
}

/**
 * Called for each item of a chunk in order, before the chunk is known to be right. The hashes may
 * be kept; the item is `body.subarray(itemStart, itemEnd)`.
 */
export type OnItem = (
  keyHash: Buffer,
  valueHash: Buffer,
  itemStart: number,
  itemEnd: number,
) => void;

/** Where an item lies in a chunk body. */
export interface ChunkItem {
  /** First byte of the encoded item, behind its tag and length. */
  readonly start: number;
  /** Behind the last byte of the item, and of its value. */
  readonly end: number;
  readonly keyStart: number;
  readonly keyEnd: number;
  /** Equal to `end` when the value is empty. */
  readonly valueStart: number;
}

/**
 * Folds a chunk body (field `items` of StateChunk as on the wire) to the node of the subtree at
 * `path`. The chunk is proved when that node is the one the manifest or the proof has there.
 * @throws PROOF_INVALID when an item is not canonical, lies elsewhere or is out of order.
 */
export function foldChunk(path: string, body: Buffer, onItem?: OnItem): FoldedChunk {
  const cursor = new ItemCursor(body);
  const fold = new AscendingFold();
  let bytes = 0;
  let previous: Buffer | null = null;
  while (cursor.next()) {
    const keyHash = sha256(body.subarray(cursor.keyStart, cursor.keyEnd));
    if (!hasPath(keyHash, path)) {
      throw proofInvalid(`The item at byte ${cursor.start} does not lie under ${path}.`, { path });
    }
    if (previous !== null && compareKeyHash(previous, keyHash) >= 0) {
      throw proofInvalid(`The item at byte ${cursor.start} is out of order.`, { path });
    }
    const valueHash = sha256(body.subarray(cursor.valueStart, cursor.end));
    fold.push(keyHash, valueHash);
    onItem?.(keyHash, valueHash, cursor.start, cursor.end);
    bytes += cursor.end - cursor.start;
    previous = keyHash;
  }
  return { node: fold.finish(4 * path.length), items: fold.leaves, bytes };
}

/**
 * The items of a chunk body in order.
 * @throws PROOF_INVALID when the body is not canonical.
 */
export function* chunkItems(body: Uint8Array): Generator<ChunkItem> {
  const cursor = new ItemCursor(body);
  while (cursor.next()) {
    const { start, end, keyStart, keyEnd, valueStart } = cursor;
    yield { start, end, keyStart, keyEnd, valueStart };
  }
}

/** The id of a chunk: SHA-256 of its body. */
export function chunkId(body: Uint8Array): Buffer {
  return sha256(body);
}
