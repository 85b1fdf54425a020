import {
  type FoldedDelta,
  foldChunk,
  foldDeltaChunk,
  sha256,
  type TreeNode,
} from "@holdfast/merkle";
import type { Span } from "./wire-fields.js";

/** A body to fold, and where it lies in its buffer. */
export interface FoldTask extends Span {
  readonly kind: "full" | "delta";
  readonly path: string;
}

/** What a full tile's body folds to. */
export interface FoldedFull {
  readonly kind: "full";
  /** SHA-256 of the body. */
  readonly chunkId: Buffer;
  readonly node: TreeNode;
  readonly items: number;
  readonly bytes: number;
}

/** What a delta tile's body folds to. */
export interface FoldedChanges {
  readonly kind: "delta";
  /** SHA-256 of the body. */
  readonly chunkId: Buffer;
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
  | { readonly kind: "invalid"; readonly chunkId: Buffer; readonly why: string };

/** Folds one body; never throws for what is in it. */
export function runFoldTask(bytes: Buffer, { kind, path, start, end }: FoldTask): Folded {
  const body = bytes.subarray(start, end);
  const chunkId = sha256(body);
  try {
    if (kind === "full") return { kind, chunkId, ...foldChunk(path, body) };
    return { kind, chunkId, ...changesOf(foldDeltaChunk(path, body)) };
  } catch (error) {
    return { kind: "invalid", chunkId, why: error instanceof Error ? error.message : `${error}` };
  }
}

function changesOf(delta: FoldedDelta): Omit<FoldedChanges, "kind" | "chunkId"> {
  let added = 0;
  for (const change of delta.changes) {
    if (change.kind === "put" && change.oldValueHash === null) added += 1;
  }
  return {
    from: delta.fromNode,
    to: delta.toNode,
    changes: delta.changes.length,
    added,
    deleted: delta.deletes,
  };
}
