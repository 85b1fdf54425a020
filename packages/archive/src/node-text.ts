import type { TreeNode } from "@holdfast/merkle";

/** A regular expression for the text of a node, without groups. */
export const NODE_PATTERN =
  '\\{"(?:leaf":\\["[0-9a-f]{64}","[0-9a-f]{64}"\\]|inner":"[0-9a-f]{64}"|empty":true)\\}';

// Where the hashes stand in the text.
const LEAF_KEY_AT: number = '{"leaf":["'.length;
const LEAF_VALUE_AT: number = LEAF_KEY_AT + 64 + '","'.length;
const INNER_AT: number = '{"inner":"'.length;

/** A node as canonical JSON. */
export function encodeNode(node: TreeNode): string {
  switch (node.kind) {
    case "empty":
      return '{"empty":true}';
    case "leaf":
      return `{"leaf":["${node.keyHash.toString("hex")}","${node.valueHash.toString("hex")}"]}`;
    case "inner":
      return `{"inner":"${node.hash.toString("hex")}"}`;
  }
}

/** The node of a text that matches NODE_PATTERN. */
export function decodeNode(text: string): TreeNode {
  const hashAt = (at: number): Buffer => Buffer.from(text.slice(at, at + 64), "hex");
  switch (text[2]) {
    case "l":
      return { kind: "leaf", keyHash: hashAt(LEAF_KEY_AT), valueHash: hashAt(LEAF_VALUE_AT) };
    case "i":
      return { kind: "inner", hash: hashAt(INNER_AT) };
    default:
      return { kind: "empty" };
  }
}
