import type { TreeNode } from "./tree-node.js";

/** A tile of the canonical tiling with its chunk. */
export interface StreamTile {
  readonly path: string;
  readonly node: TreeNode;
  readonly items: number;
  readonly bytes: number;
  readonly body: Buffer;
}
export class TileStream {
  push(_keyHash: Buffer, _item: Buffer): StreamTile[] {
    throw new Error("not yet");
  }
  finish(): StreamTile[] {
    throw new Error("not yet");
  }
}
