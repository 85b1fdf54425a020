import {
  foldChunk,
  foldDeltaChunk,
  type FoldedChanges as MerkleFolded,
  type TreeNode,
} from "@holdfast/merkle";

/** Of which kind of tile a body is. */
export type TileKind = "full" | "delta";

/** What a full tile's body folds to. */
export interface FoldedFull {
  readonly kind: "full";
  readonly node: TreeNode;
  readonly items: number;
  readonly bytes: number;
}

/** What a delta tile's body folds to. */
export interface FoldedChanges {
  readonly kind: "delta";
  readonly from: TreeNode;
  readonly to: TreeNode;
  readonly changes: number;
  /** Keys that only the later, and only the earlier state has. */
  readonly added: number;
  readonly deleted: number;
}

/** What a body folds to, or why it folds to nothing. */
export type Folded =
  | FoldedFull
  | FoldedChanges
  | { readonly kind: "invalid"; readonly why: string };

/** Folds the body of the tile at `path`; never throws for what is in it. */
export function foldBody(kind: TileKind, path: string, body: Buffer): Folded {
  try {
    if (kind === "full") return { kind, ...foldChunk(path, body) };
    return changesOf(foldDeltaChunk(path, body));
  } catch (error) {
    return { kind: "invalid", why: error instanceof Error ? error.message : `${error}` };
  }
}

/** The result of folding a delta tile's body. */
export function changesOf({
  fromNode: from,
  toNode: to,
  puts,
  added,
  deletes,
}: MerkleFolded): FoldedChanges {
  return { kind: "delta", from, to, changes: puts + deletes, added, deleted: deletes };
}
