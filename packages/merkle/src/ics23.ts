import type { TreeNode } from "./tree-node.js";

export interface Ics23Item {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly siblings: readonly TreeNode[];
}
export function ics23Existence(
  _key: Buffer,
  _value: Buffer,
  _siblings: readonly TreeNode[],
): Buffer {
  throw new Error("not yet");
}
export function ics23Absence(
  _key: Buffer,
  _left: Ics23Item | null,
  _right: Ics23Item | null,
): Buffer {
  throw new Error("not yet");
}
