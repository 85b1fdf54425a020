// Goal: a delta folds to the same nodes in a batch and node by node, whatever its size.
// Method: deletions out of states whose key hashes are chosen, so that all shapes come up; one
// delta with more leaves than a batch takes; a fold within a fold.
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { AscendingFold } from "./ascending-fold.js";
import { foldDelta, foldDeltaInBatch, foldDeltaInSteps } from "./delta-fold.js";
import type { NextStep } from "./delta-walk.js";
import {
  bitAt,
  combine,
  commonBits,
  type DeltaChange,
  EMPTY_NODE,
  type TreeNode,
} from "./index.js";
import {
  ascending,
  bitsOf,
  hashOfBits,
  leavesUnder,
  type ModelLeaf,
  modelHash,
  modelNode,
} from "./test-support/model-tree.js";
import { TreeBatch } from "./tree-batch.js";

const tree = TreeBatch.create(0) ?? assert.fail("this machine has no SIMD: nothing to test");

const deletions = (leaves: readonly ModelLeaf[]): DeltaChange[] =>
  ascending(leaves).map(({ keyHash, valueHash }) => ({
    kind: "delete",
    keyHash,
    oldValueHash: valueHash,
  }));

/** Steps for a later state that has only these leaves. */
const stepsFor =
  (kept: readonly ModelLeaf[]): NextStep =>
  (position, depth, change) => {
    const node = modelNode(kept, bitsOf(Buffer.from(position)).slice(0, depth));
    if (change === null) return node;
    return { kind: node.kind === "empty" ? "end" : "enter" };
  };

test("both ways fold to the nodes of the model", () => {
  const bits = fc.array(fc.constantFrom("0", "1"), { maxLength: 5 }).map((b) => b.join(""));
  const stem = fc.constantFrom("", "1", "0110", "1".repeat(40), "0".repeat(249), "01".repeat(125));
  const leaf = fc.tuple(stem, bits, fc.constantFrom("old", "kept")).map(([head, tail, what]) => {
    const keyHash = hashOfBits(head + tail);
    return { keyHash, valueHash: modelHash(what, keyHash), what };
  });
  const states = fc.uniqueArray(leaf, {
    selector: ({ keyHash }) => keyHash.toString("hex"),
    minLength: 1,
    maxLength: 12,
  });
  fc.assert(
    fc.property(states, fc.constantFrom("", "0", "f"), (all, path) => {
      const bits = path === "" ? "" : path === "0" ? "0000" : "1111";
      const changes = deletions(leavesUnder(all, bits).filter(({ what }) => what === "old"));
      if (changes.length === 0) return;
      const kept = all.filter(({ what }) => what === "kept");
      const expected = { from: modelNode(all, bits), to: modelNode(kept, bits) };
      const steps = stepsFor(kept);
      assert.deepEqual(foldDeltaInBatch(tree, path, changes, steps), expected);
      assert.deepEqual(foldDeltaInSteps(path, changes, steps), expected);
      assert.deepEqual(foldDelta(path, changes, steps), expected);
    }),
    { numRuns: 60 },
  );
});

test("a delta with more leaves than a batch takes asks for each step once all the same", () => {
  const leaves = ascending(
    Array.from({ length: 33_000 }, (_, i) => {
      const keyHash = modelHash(`many ${i}`);
      return { keyHash, valueHash: keyHash };
    }),
  );
  const changes = deletions(leaves);
  let asked = 0;
  const steps: NextStep = (_position, _depth, change) => {
    asked++;
    return change === null ? EMPTY_NODE : { kind: "end" };
  };
  assert.equal(foldDeltaInBatch(tree, "", changes, steps), null);
  const once = asked;
  asked = 0;
  const folded = foldDelta("", changes, steps);
  assert.equal(asked, once);
  let last = hashOfBits("");
  const fold = new AscendingFold<TreeNode>({
    empty: EMPTY_NODE,
    inner: combine,
    bit: (depth) => bitAt(last, depth),
  });
  for (const { keyHash, valueHash } of leaves) {
    if (fold.leaves > 0) fold.part(commonBits(last, keyHash));
    last = keyHash;
    fold.push({ kind: "leaf", keyHash, valueHash });
  }
  assert.deepEqual(folded, { from: fold.finish(0), to: EMPTY_NODE });
});

test("a delta folded while another asks for a step, and after one that was refused", () => {
  const all = ["000", "001", "01", "1"].map((bits) => {
    const keyHash = hashOfBits(bits);
    return { keyHash, valueHash: modelHash(bits) };
  });
  const [first, ...kept] = all;
  assert.ok(first !== undefined);
  const changes = deletions([first]);
  const steps = stepsFor(kept);
  const expected = { from: modelNode(all, ""), to: modelNode(kept, "") };
  const nested: NextStep = (position, depth, change) => {
    assert.deepEqual(foldDelta("", changes, steps), expected);
    return steps(position, depth, change);
  };
  assert.deepEqual(foldDelta("", changes, nested), expected);
  assert.throws(() => foldDelta("", changes, () => ({ kind: "enter" })), {
    reason: "PROOF_INVALID",
  });
  assert.deepEqual(foldDelta("", changes, steps), expected);
});
