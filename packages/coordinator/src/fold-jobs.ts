import { strict as assert } from "node:assert";
import {
  foldChunk,
  foldDeltaChunk,
  foldDeltaTiles,
  type FoldedChanges as MerkleFolded,
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

/** Folds bodies that lie in `bytes` one behind the other; never throws for what is in them. */
export function runFoldTasks(bytes: Buffer, tasks: readonly FoldTask[]): Folded[] {
  return foldTogether(bytes, tasks) ?? tasks.map((task) => runFoldTask(bytes, task));
}

/** Tiles of a delta, which are small, are folded together. */
function foldTogether(bytes: Buffer, tasks: readonly FoldTask[]): Folded[] | null {
  if (!tasks.every(({ kind }) => kind === "delta")) return null;
  const all = foldDeltaTiles(bytes, tasks);
  if (all === null) return null;
  return tasks.map(({ start, end }, index) => {
    const folded = all[index];
    assert(folded !== undefined);
    return foldedChanges(sha256(bytes.subarray(start, end)), folded);
  });
}

function runFoldTask(bytes: Buffer, { kind, path, start, end }: FoldTask): Folded {
  const body = bytes.subarray(start, end);
  const chunkId = sha256(body);
  try {
    if (kind === "full") return { kind, chunkId, ...foldChunk(path, body) };
    return foldedChanges(chunkId, foldDeltaChunk(path, body));
  } catch (error) {
    return { kind: "invalid", chunkId, why: error instanceof Error ? error.message : `${error}` };
  }
}

function foldedChanges(
  chunkId: Buffer,
  { fromNode, toNode, puts, added, deletes }: MerkleFolded,
): FoldedChanges {
  const changes = puts + deletes;
  return { kind: "delta", chunkId, from: fromNode, to: toNode, changes, added, deleted: deletes };
}
