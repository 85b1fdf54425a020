// Goal: the shape found from neighbours is that of the tree, however many bits they share.
// Method: hashes that cluster under long common stems, against the recursive model.
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { AscendingFold } from "./ascending-fold.js";
import { bitAt, combine, commonBits, EMPTY_NODE, type TreeNode } from "./index.js";
import {
  ascending,
  hashOfBits,
  leavesUnder,
  modelHash,
  modelNode,
} from "./test-support/model-tree.js";

test("folds like the model, also at a depth below the root", () => {
  const bits = fc.array(fc.constantFrom("0", "1"), { maxLength: 6 }).map((b) => b.join(""));
  const stem = fc.constantFrom("", "1", "0110", "1".repeat(40), "0".repeat(200), "01".repeat(124));
  const leaf = fc.tuple(stem, bits).map(([head, tail]) => {
    const keyHash = hashOfBits(head + tail);
    return { keyHash, valueHash: modelHash("value", keyHash) };
  });
  const leaves = fc.uniqueArray(leaf, {
    selector: ({ keyHash }) => keyHash.toString("hex"),
    maxLength: 24,
  });
  fc.assert(
    fc.property(leaves, fc.constantFrom("", "0", "0000"), (all, under) => {
      const expected = modelNode(all, under);
      let last = hashOfBits("");
      const fold = new AscendingFold<TreeNode>({
        empty: EMPTY_NODE,
        inner: combine,
        bit: (depth) => bitAt(last, depth),
      });
      for (const { keyHash, valueHash } of ascending(leavesUnder(all, under))) {
        if (fold.leaves > 0) fold.part(commonBits(last, keyHash));
        last = keyHash;
        fold.push({ kind: "leaf", keyHash, valueHash });
      }
      assert.deepEqual(fold.finish(under.length), expected);
    }),
  );
});
