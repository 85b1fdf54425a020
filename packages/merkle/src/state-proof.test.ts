// Goal: a state proof shows presence with one value, or absence, and nothing can be bent.
// Method: proofs by the recursive model for present and absent keys; forged ones by hand.
import assert from "node:assert/strict";
import test from "node:test";
import { EMPTY_HASH, EMPTY_NODE, nodeHash, type TreeNode, verifyStateProof } from "./index.js";
import {
  hashOfBits,
  modelHash,
  modelItems,
  modelNode,
  modelProof,
} from "./test-support/model-tree.js";

const PROOF_INVALID = { reason: "PROOF_INVALID" };

test("every key of a state is proved present with its value only", () => {
  for (const count of [1, 2, 60]) {
    const items = modelItems(`present ${count}`, count);
    const root = nodeHash(modelNode(items, ""));
    for (const { keyHash, valueHash } of items) {
      const proof = modelProof(items, keyHash);
      verifyStateProof(root, keyHash, valueHash, proof);
      const refused = (hash: Buffer | null): void =>
        assert.throws(() => verifyStateProof(root, keyHash, hash, proof), PROOF_INVALID);
      refused(null);
      refused(modelHash("another value"));
      assert.throws(
        () => verifyStateProof(modelHash("root"), keyHash, valueHash, proof),
        PROOF_INVALID,
      );
    }
  }
});

test("absent keys are proved absent: at empty, and at another key's leaf", () => {
  const items = modelItems("absent", 60);
  const root = nodeHash(modelNode(items, ""));
  const met = new Set<string>();
  for (let i = 0; i < 200; i++) {
    const keyHash = modelHash(`absent ${i}`);
    const proof = modelProof(items, keyHash);
    met.add(proof.met.kind);
    verifyStateProof(root, keyHash, null, proof);
    assert.throws(() => verifyStateProof(root, keyHash, modelHash("value"), proof), PROOF_INVALID);
  }
  assert.deepEqual([...met].sort(), ["empty", "leaf"]);
  verifyStateProof(EMPTY_HASH, hashOfBits(""), null, { met: EMPTY_NODE, siblings: [] });
});

test("any changed sibling is refused", () => {
  const items = modelItems("siblings", 40);
  const root = nodeHash(modelNode(items, ""));
  const [item] = items;
  assert.ok(item !== undefined);
  const proof = modelProof(items, item.keyHash);
  assert.ok(proof.siblings.length > 2);
  const others: readonly TreeNode[] = [
    { kind: "empty" },
    { kind: "inner", hash: modelHash("other") },
    { kind: "leaf", keyHash: item.keyHash, valueHash: item.valueHash },
  ];
  for (const [i, sibling] of proof.siblings.entries()) {
    for (const other of others) {
      if (other.kind === "empty" && sibling.kind === "empty") continue;
      const siblings = proof.siblings.with(i, other);
      assert.throws(
        () => verifyStateProof(root, item.keyHash, item.valueHash, { met: proof.met, siblings }),
        PROOF_INVALID,
        `sibling ${i} as ${other.kind}`,
      );
    }
  }
});

test("a key cannot be shown absent by letting its own leaf stand beside its path", () => {
  const keyHash = hashOfBits("0");
  const leaf: TreeNode = { kind: "leaf", keyHash, valueHash: modelHash("value") };
  const root = nodeHash(leaf);
  const forged = { met: EMPTY_NODE, siblings: [leaf] };
  assert.throws(() => verifyStateProof(root, keyHash, null, forged), PROOF_INVALID);
});

test("another key's leaf must lie on the path it is met on", () => {
  const leaf: TreeNode = { kind: "leaf", keyHash: hashOfBits("1"), valueHash: modelHash("value") };
  const proof = { met: leaf, siblings: [EMPTY_NODE] };
  assert.throws(
    () => verifyStateProof(nodeHash(leaf), hashOfBits("0"), null, proof),
    PROOF_INVALID,
  );
});

test("a proof ends at a leaf or at empty, and has at most 256 siblings", () => {
  const inner: TreeNode = { kind: "inner", hash: modelHash("inner") };
  const keyHash = hashOfBits("0");
  assert.throws(
    () => verifyStateProof(inner.hash, keyHash, null, { met: inner, siblings: [] }),
    PROOF_INVALID,
  );
  const siblings = Array<TreeNode>(257).fill(EMPTY_NODE);
  assert.throws(
    () => verifyStateProof(EMPTY_HASH, keyHash, null, { met: EMPTY_NODE, siblings }),
    PROOF_INVALID,
  );
});
