import { sha256 } from "./hash.js";
import type { TreeNode } from "./tree-node.js";

/** What a chunk folds to. */
export interface FoldedChunk {
  readonly node: TreeNode;
  readonly items: number;
  /** Sum of the encoded lengths of the items, without tags and lengths of the chunk. */
  readonly bytes: number;
}
export type OnItem = (
  keyHash: Buffer,
  valueHash: Buffer,
  itemStart: number,
  itemEnd: number,
) => void;
export interface ChunkItem {
  readonly start: number;
  readonly end: number;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly valueStart: number;
}
export function foldChunk(_path: string, _body: Buffer, _onItem?: OnItem): FoldedChunk {
  throw new Error("not yet");
}
export function* chunkItems(_body: Uint8Array): Generator<ChunkItem> {}
export function chunkId(body: Uint8Array): Buffer {
  return sha256(body);
}
