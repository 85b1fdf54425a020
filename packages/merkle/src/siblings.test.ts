// Goal: a tile folds with its siblings, or with the other tiles, to the root of the whole tree.
// Method: the recursive model; misplaced leaves, wrong counts and wrong orders by hand.
import assert from "node:assert/strict";
import test from "node:test";
import {
  EMPTY_HASH,
  EMPTY_NODE,
  foldSiblings,
  nodeHash,
  rootOf,
  TileRootFold,
  type TreeNode,
} from "./index.js";
import {
  hashOfBits,
  leavesUnder,
  modelItems,
  modelNode,
  modelSiblings,
  pathBits,
} from "./test-support/model-tree.js";

const PROOF_INVALID = { reason: "PROOF_INVALID" };
const items = modelItems("siblings", 200);
const root = modelNode(items, "");

test("every path folds to the root, covered or not", () => {
  for (const path of ["", "0", "5", "f", "00", "1c", "77", "abc", "0123456"]) {
    const bits = pathBits(path);
    const folded = foldSiblings(path, modelNode(items, bits), modelSiblings(items, bits));
    assert.deepEqual(folded, root, path);
  }
  assert.deepEqual(rootOf(root), nodeHash(root));
  assert.deepEqual(rootOf(EMPTY_NODE), EMPTY_HASH);
});

test("siblings of the wrong number are refused", () => {
  const siblings = modelSiblings(items, pathBits("5"));
  const node = modelNode(items, pathBits("5"));
  assert.throws(() => foldSiblings("5", node, siblings.slice(1)), PROOF_INVALID);
  assert.throws(() => foldSiblings("5", node, [...siblings, EMPTY_NODE]), PROOF_INVALID);
});

test("a lone leaf cannot stand elsewhere: its hash alone would not tell", () => {
  const leaf: TreeNode = { kind: "leaf", keyHash: hashOfBits("0"), valueHash: hashOfBits("1") };
  const empties = Array<TreeNode>(4).fill(EMPTY_NODE);
  assert.deepEqual(foldSiblings("0", leaf, empties), leaf);
  assert.throws(() => foldSiblings("1", leaf, empties), PROOF_INVALID);
  // As a sibling it must lie on the other side of the path.
  assert.deepEqual(foldSiblings("f", EMPTY_NODE, [...empties.slice(1), leaf]), leaf);
  assert.throws(() => foldSiblings("0", EMPTY_NODE, [...empties.slice(1), leaf]), PROOF_INVALID);
  assert.throws(() => foldSiblings("f", EMPTY_NODE, [leaf, ...empties.slice(1)]), PROOF_INVALID);
});

/** Paths of tiles with at most `most` items, by the rule of the tiling. */
function tilePaths(most: number, path = ""): string[] {
  const count = leavesUnder(items, pathBits(path)).length;
  if (count === 0) return [];
  if (path !== "" && (count === 1 || count <= most)) return [path];
  return [..."0123456789abcdef"].flatMap((digit) => tilePaths(most, path + digit));
}

test("tiles of any size fold to the root", () => {
  for (const most of [1, 2, 5, 1000]) {
    const fold = new TileRootFold();
    for (const path of tilePaths(most)) fold.add(path, modelNode(items, pathBits(path)));
    assert.deepEqual(fold.finish(), root, `at most ${most} items in a tile`);
  }
  assert.deepEqual(new TileRootFold().finish(), EMPTY_NODE);
});

test("a tile may be empty, as one of a delta is", () => {
  const fold = new TileRootFold();
  for (const digit of "0123456789abcdef") {
    fold.add(`${digit}0`, EMPTY_NODE);
  }
  assert.deepEqual(fold.finish(), EMPTY_NODE);
});

test("a missing tile gives another root", () => {
  const fold = new TileRootFold();
  for (const path of tilePaths(20).slice(1)) fold.add(path, modelNode(items, pathBits(path)));
  assert.notDeepEqual(fold.finish(), root);
});

test("tiles out of order, repeated, nested or misplaced are refused", () => {
  const inner: TreeNode = { kind: "inner", hash: hashOfBits("1") };
  const leaf: TreeNode = { kind: "leaf", keyHash: hashOfBits(""), valueHash: hashOfBits("1") };
  const refuses = (before: readonly string[], path: string, node: TreeNode = inner): void => {
    const fold = new TileRootFold();
    for (const earlier of before) fold.add(earlier, inner);
    assert.throws(() => fold.add(path, node), PROOF_INVALID, `${before.join()} then ${path}`);
  };
  refuses(["3"], "2");
  refuses(["3"], "3");
  refuses(["3"], "35");
  refuses(["35"], "3");
  refuses([], "");
  refuses([], "G");
  refuses([], "0".repeat(65));
  refuses([], "1", leaf);
});
