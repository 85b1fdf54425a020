import { ChunkBatch } from "./chunk-batch.js";
import { foldChunkInSteps } from "./chunk-steps.js";
import type { FoldedChunk, FoldedTree } from "./folded-chunk.js";
import { sha256 } from "./hash.js";
import { ItemCursor } from "./item-cursor.js";
import { RecordedTree } from "./recorded-tree.js";

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

/** Made when first needed, then kept: one for each thread. */
let batch: ChunkBatch | null | undefined;

/**
 * Folds a chunk body (field `items` of StateChunk as on the wire) to the node of the subtree at
 * `path`. The chunk is proved when that node is the one the manifest or the proof has there.
 * @throws PROOF_INVALID when an item is not canonical, lies elsewhere or is out of order.
 */
export function foldChunk(path: string, body: Buffer): FoldedChunk {
  prepareFoldChunk();
  const folded = batch?.fold(path, body) ?? foldChunkInSteps(path, body);
  return { node: folded.node, items: folded.items, bytes: folded.bytes };
}

/**
 * Folds a chunk body as `foldChunk` does, and shows the whole tree below the node.
 * @throws PROOF_INVALID as `foldChunk`.
 */
export function foldTree(path: string, body: Buffer): FoldedTree {
  prepareFoldChunk();
  const tree = batch?.fold(path, body) ?? null;
  if (tree !== null) return tree;
  const record = new RecordedTree();
  return record.finish(foldChunkInSteps(path, body, record));
}

/** Makes now what the first `foldChunk` of this thread would make. */
export function prepareFoldChunk(): void {
  if (batch === undefined) batch = ChunkBatch.create();
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
