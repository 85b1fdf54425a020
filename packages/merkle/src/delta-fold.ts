import type { DeltaChange } from "./delta-change.js";
import { type DeltaNodeMaker, type NextStep, type NodePair, walkDelta } from "./delta-walk.js";
import type { FrontierStep } from "./frontier-step.js";
import { EMPTY, INNER, KEY_HASH, VALUE_HASH } from "./node-records.js";
import { TreeBatch } from "./tree-batch.js";
import { combine, EMPTY_NODE, type TreeNode } from "./tree-node.js";

/** Made when first needed, then kept: one for each thread. Null while in use. */
let batch: TreeBatch | null | undefined;

/** Makes now what the first `foldDelta` of this thread would make. */
export function prepareFoldDelta(): void {
  if (batch === undefined) batch = TreeBatch.create(0);
}

/**
 * Folds a delta tile to its node in both states, in a batch where that can be.
 * @param nextStep asked once for each step.
 * @throws PROOF_INVALID as `walkDelta`.
 */
export function foldDelta(
  path: string,
  changes: readonly DeltaChange[],
  nextStep: NextStep,
): NodePair<TreeNode> {
  prepareFoldDelta();
  if (batch === undefined || batch === null) return foldDeltaInSteps(path, changes, nextStep);
  const steps: FrontierStep[] = [];
  const recorded: NextStep = (position, depth, change) => {
    const step = nextStep(position, depth, change);
    steps.push(step);
    return step;
  };
  const taken = batch;
  batch = null;
  try {
    const pair = foldDeltaInBatch(taken, path, changes, recorded);
    if (pair !== null) return pair;
  } finally {
    batch = taken;
  }
  const replayed = steps.values();
  return foldDeltaInSteps(path, changes, (position, depth, change) => {
    const { value } = replayed.next();
    return value ?? nextStep(position, depth, change);
  });
}

/**
 * The walk lays out both trees, then they are hashed together; null when the delta is too large.
 * @throws PROOF_INVALID as `walkDelta`.
 */
export function foldDeltaInBatch(
  tree: TreeBatch,
  path: string,
  changes: readonly DeltaChange[],
  nextStep: NextStep,
): NodePair<TreeNode> | null {
  const { records } = tree;
  const { bytes } = tree.batch;
  const isLeaf = (node: number): boolean => node >= 0 && node < INNER;
  const make: DeltaNodeMaker<number> = {
    empty: EMPTY,
    leaf(keyHash, valueHash) {
      const leaf = records.makeLeaf();
      bytes.set(keyHash, records.leafAt(leaf) + KEY_HASH);
      bytes.set(valueHash, records.leafAt(leaf) + VALUE_HASH);
      return leaf;
    },
    inner: (hash) => records.makeGiven(hash),
    combine(left, right) {
      if (left === EMPTY && (right === EMPTY || isLeaf(right))) return right;
      if (right === EMPTY && isLeaf(left)) return left;
      return records.makeInner(left, right);
    },
  };
  tree.batch.clear();
  records.clear();
  const pair = walkDelta(path, changes, nextStep, make);
  if (records.full) return null;
  const [from = EMPTY_NODE, to = EMPTY_NODE] = tree.hash(pair.from, pair.to);
  return { from, to };
}

/**
 * Hashes node by node: for deltas of any size, and where there is no SIMD.
 * @throws PROOF_INVALID as `walkDelta`.
 */
export function foldDeltaInSteps(
  path: string,
  changes: readonly DeltaChange[],
  nextStep: NextStep,
): NodePair<TreeNode> {
  return walkDelta<TreeNode>(path, changes, nextStep, {
    empty: EMPTY_NODE,
    leaf: (keyHash, valueHash) => ({ kind: "leaf", keyHash, valueHash }),
    inner: (hash) => ({ kind: "inner", hash }),
    combine,
  });
}
