import type { TreeNode } from "@holdfast/merkle";

/** Where the body of a tile lies. */
export interface RecordPlace {
  /** Pack id, 64 hex digits. */
  readonly pack: string;
  /** Where the record begins in the pack, bytes. */
  readonly offset: number;
  /** Length of the stored body, bytes; its record header comes on top. */
  readonly length: number;
}

/** A tile of a full snapshot, as a backup gives it. */
export interface FullTile {
  readonly kind: "full";
  readonly path: string;
  readonly node: TreeNode;
  readonly items: number;
  /** Sum of the encoded lengths of the items. */
  readonly bytes: number;
  /** Chunk id, 32 bytes: SHA-256 of the body. */
  readonly chunk: Buffer;
}

/** A changed tile of a delta snapshot, as a backup gives it. */
export interface ChangedTile {
  readonly kind: "changed";
  readonly path: string;
  /** The node in the earlier state. */
  readonly from: TreeNode;
  /** The node in the later state. */
  readonly to: TreeNode;
  /** Items of the tile in the later state. */
  readonly items: number;
  /** Sum of the encoded lengths of these items. */
  readonly bytes: number;
  readonly changes: number;
  /** Chunk id, 32 bytes: SHA-256 of the body. */
  readonly chunk: Buffer;
}

/** A tile of a delta snapshot that is the same in both states; it has no body. */
export interface UnchangedTile {
  readonly kind: "unchanged";
  readonly path: string;
  readonly node: TreeNode;
  readonly items: number;
  /** Sum of the encoded lengths of the items. */
  readonly bytes: number;
}

/** A tile that a backup adds. */
export type NewTile = FullTile | ChangedTile | UnchangedTile;

/** A line of a manifest that has a body. */
export type ChunkLine = (FullTile & RecordPlace) | (ChangedTile & RecordPlace);

/** A line of a manifest: one tile and where its body lies. */
export type TileLine = ChunkLine | UnchangedTile;
