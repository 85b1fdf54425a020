import type { TreeNode } from "./tree-node.js";

export type DeltaChange =
  | {
      readonly kind: "put";
      readonly keyHash: Buffer;
      readonly item: Buffer;
      readonly valueHash: Buffer;
      readonly oldValueHash: Buffer | null;
    }
  | { readonly kind: "delete"; readonly keyHash: Buffer; readonly oldValueHash: Buffer };
export interface FoldedDelta {
  readonly fromNode: TreeNode;
  readonly toNode: TreeNode;
  readonly changes: readonly DeltaChange[];
  readonly puts: number;
  readonly deletes: number;
}
export interface BitPath {
  readonly keyHash: Buffer;
  readonly depth: number;
}
export interface DeltaTree {
  node(bitPath: BitPath): { readonly node: TreeNode; readonly items: number };
}
export interface DeltaBody {
  readonly body: Buffer;
  readonly fromNode: TreeNode;
  readonly toNode: TreeNode;
}
export function foldDeltaChunk(_path: string, _body: Buffer): FoldedDelta {
  throw new Error("not yet");
}
export function encodeDeltaBody(
  _path: string,
  _changes: readonly DeltaChange[],
  _view: DeltaTree,
): DeltaBody {
  throw new Error("not yet");
}
