// Goal: every key, present or absent, gets a proof that the verifier takes for the truth and for
// nothing else; neighbours are the nearest keys.
// Method: random trees in memory, merkle's verifier, a sorted list.
import { strict as assert } from "node:assert";
import test from "node:test";
import { nodeHash, pathOf, verifyStateProof } from "@holdfast/merkle";
import { SeededRandom } from "@holdfast/testing";
import { neighboursOf, proveKey } from "./key-proof.js";
import { createMessageHasher } from "./message-hasher.js";
import { PhysicalNode } from "./physical-node.js";
import { TREE_HEAP_BYTES, TreeHasher } from "./tree-hasher.js";
import { updateTree } from "./tree-update.js";
import { TreeView } from "./tree-view.js";

/** A tree with these keys; its nodes in memory. */
function treeOf(keys: readonly Buffer[]): TreeView {
  const nodes = new Map<string, PhysicalNode>();
  const writes = [...keys]
    .sort((a, b) => a.compare(b))
    .map((keyHash) => ({
      keyHash,
      settle: () => ({ kind: "leaf", keyHash, valueHash: valueHashOf(keyHash), bytes: 1 }) as const,
    }));
  const none = (): never => assert.fail("there is nothing to load");
  const store = {
    pending: () => null,
    load: none,
    written: (path: string, node: PhysicalNode) => void nodes.set(path, node),
    replaced: none,
  };
  const hasher = new TreeHasher(createMessageHasher(TREE_HEAP_BYTES));
  const root = updateTree(PhysicalNode.EMPTY, 1n, writes, store, hasher);
  return new TreeView(root, (_, position, nibbles) => {
    const path = pathOf(position, nibbles);
    return nodes.get(path) ?? assert.fail(`no node at ${path}`);
  });
}

function valueHashOf(keyHash: Buffer): Buffer {
  return Buffer.from(keyHash.map((byte) => 255 - byte));
}

for (const [count, shared] of [
  [0, 0],
  [1, 0],
  [2, 31],
  [3, 20],
  [40, 0],
  [300, 1],
] as const) {
  test(`${count} keys that share ${shared} bytes`, () => {
    const random = new SeededRandom(count + shared);
    const keyOf = (): Buffer => Buffer.concat([Buffer.alloc(shared, 7), random.bytes(32 - shared)]);
    const keys = Array.from({ length: count }, keyOf);
    const view = treeOf(keys);
    const root = nodeHash(view.root.subtree.node);
    const sorted = [...keys].sort((a, b) => a.compare(b));
    for (const key of keys) {
      const proof = proveKey(view, key);
      verifyStateProof(root, key, valueHashOf(key), proof);
      assert.throws(() => verifyStateProof(root, key, null, proof));
      assert.throws(() => verifyStateProof(root, key, key, proof));
    }
    const absent = [keyOf(), random.bytes(32), Buffer.alloc(32), Buffer.alloc(32, 255)];
    for (const key of absent) {
      if (keys.some((held) => held.equals(key))) continue;
      verifyStateProof(root, key, null, proveKey(view, key));
      const { left, right } = neighboursOf(view, key);
      assert.deepEqual(left, sorted.filter((held) => held.compare(key) < 0).at(-1) ?? null);
      assert.deepEqual(right, sorted.find((held) => held.compare(key) > 0) ?? null);
    }
  });
}
