import { AscendingFold } from "./ascending-fold.js";
import { type FoldedChunk, outOfOrder, outsidePath } from "./folded-chunk.js";
import { sha256 } from "./hash.js";
import { ItemCursor } from "./item-cursor.js";
import { bitAt, commonBits, compareKeyHash, hasPath } from "./path.js";
import type { RecordedTree } from "./recorded-tree.js";
import { combine, EMPTY_NODE, nodeHash, type TreeNode } from "./tree-node.js";

/**
 * Does what `foldChunk` does item by item, for chunks of any size and where there is no SIMD.
 * @param record is told every item and inner node.
 * @throws PROOF_INVALID as `foldChunk`.
 */
export function foldChunkInSteps(path: string, body: Buffer, record?: RecordedTree): FoldedChunk {
  let last: Buffer = Buffer.alloc(0);
  const fold = new AscendingFold<TreeNode>({
    empty: EMPTY_NODE,
    inner(left, right, depth) {
      const node = combine(left, right);
      record?.inner(depth, fold.leaves - 1, nodeHash(node));
      return node;
    },
    bit: (depth) => bitAt(last, depth),
  });
  const cursor = new ItemCursor(body);
  let bytes = 0;
  while (cursor.next()) {
    const { start, end } = cursor;
    const keyHash = sha256(body.subarray(cursor.keyStart, cursor.keyEnd));
    if (!hasPath(keyHash, path)) throw outsidePath(path, start);
    if (compareKeyHash(last, keyHash) >= 0) throw outOfOrder(start);
    const valueHash = sha256(body.subarray(cursor.valueStart, end));
    if (fold.leaves > 0) fold.part(commonBits(last, keyHash));
    last = keyHash;
    fold.push({ kind: "leaf", keyHash, valueHash });
    record?.item(keyHash, valueHash, start, end);
    bytes += end - start;
  }
  return { node: fold.finish(4 * path.length), items: fold.leaves, bytes };
}
