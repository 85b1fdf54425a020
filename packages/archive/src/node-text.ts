import type { TreeNode } from "@holdfast/merkle";
import type { LineBytes } from "./line-bytes.js";

/** A regular expression for the text of a node, without groups. */
export const NODE_PATTERN =
  '\\{"(?:leaf":\\["[0-9a-f]{64}","[0-9a-f]{64}"\\]|inner":"[0-9a-f]{64}"|empty":true)\\}';

// Where the hashes stand in the text.
const LEAF_KEY_AT: number = '{"leaf":["'.length;
const LEAF_VALUE_AT: number = LEAF_KEY_AT + 64 + '","'.length;
const INNER_AT: number = '{"inner":"'.length;

/** Appends a node as canonical JSON. */
export function writeNode(lines: LineBytes, node: TreeNode): void {
  switch (node.kind) {
    case "empty":
      lines.text('{"empty":true}');
      break;
    case "leaf":
      lines.text('{"leaf":["');
      lines.hex(node.keyHash);
      lines.text('","');
      lines.hex(node.valueHash);
      lines.text('"]}');
      break;
    case "inner":
      lines.text('{"inner":"');
      lines.hex(node.hash);
      lines.text('"}');
      break;
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
