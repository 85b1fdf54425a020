// Goal: log roots and proofs are those of RFC 6962 and RFC 9162, and forged ones are refused.
// Method: the recursive definitions of RFC 6962, section 2.1, for all sizes up to 40; random bits
// and lengths of proofs changed.
import assert from "node:assert/strict";
import test from "node:test";
import {
  consistencyProof,
  EMPTY_LOG_ROOT,
  inclusionProof,
  LogFrontier,
  type LogNodes,
  logLeafHash,
  logRoot,
  verifyConsistency,
  verifyInclusion,
} from "./index.js";
import { modelHash } from "./test-support/model-tree.js";

const PROOF_INVALID = { reason: "PROOF_INVALID" };
const SIZE_MAX = 40;
const leaves = Array.from({ length: SIZE_MAX }, (_, i) => Buffer.from(`leaf ${i}`));

/** MTH(D[n]) of RFC 6962. */
function mth(d: readonly Buffer[]): Buffer {
  const [first] = d;
  if (first === undefined) return modelHash("");
  if (d.length === 1) return modelHash("\0", first);
  const k = splitOf(d.length);
  return modelHash("\u0001", mth(d.slice(0, k)), mth(d.slice(k)));
}

/** PATH(m, D[n]) of RFC 6962. */
function pathTo(m: number, d: readonly Buffer[]): Buffer[] {
  if (d.length <= 1) return [];
  const k = splitOf(d.length);
  return m < k
    ? [...pathTo(m, d.slice(0, k)), mth(d.slice(k))]
    : [...pathTo(m - k, d.slice(k)), mth(d.slice(0, k))];
}

/** SUBPROOF(m, D[n], b) of RFC 6962. */
function subproof(m: number, d: readonly Buffer[], b: boolean): Buffer[] {
  if (m === d.length) return b ? [] : [mth(d)];
  const k = splitOf(d.length);
  return m <= k
    ? [...subproof(m, d.slice(0, k), b), mth(d.slice(k))]
    : [...subproof(m - k, d.slice(k), false), mth(d.slice(0, k))];
}

function splitOf(n: number): number {
  let k = 1;
  while (2 * k < n) k *= 2;
  return k;
}

/** Only complete subtrees of the first `size` leaves may be asked for. */
function nodesOf(size: number): LogNodes {
  return {
    node(level, index) {
      const width = 2 ** level;
      const start = Number(index) * width;
      assert.ok(start + width <= size, `node ${level}/${index} of ${size} leaves`);
      return mth(leaves.slice(start, start + width));
    },
  };
}

test("roots and frontiers of all sizes", () => {
  const frontier = LogFrontier.empty();
  assert.deepEqual(frontier.root(), EMPTY_LOG_ROOT);
  const made = new Map<string, Buffer>();
  for (let size = 0; size <= SIZE_MAX; size++) {
    const expected = mth(leaves.slice(0, size));
    assert.deepEqual(logRoot(BigInt(size), nodesOf(size)), expected, `size ${size}`);
    assert.deepEqual(frontier.root(), expected, `frontier of ${size}`);
    assert.equal(frontier.size, BigInt(size));
    const leaf = leaves[size];
    if (leaf === undefined) break;
    const copy = frontier.copy();
    for (const { level, index, hash } of frontier.append(logLeafHash(leaf))) {
      assert.deepEqual(hash, nodesOf(size + 1).node(level, index));
      made.set(`${level}/${index}`, hash);
    }
    assert.deepEqual(copy.root(), expected, "a copy stays where it was");
  }
  // Every complete subtree was made exactly once: 40 + 20 + 10 + 5 + 2 + 1.
  assert.equal(made.size, 78);
});

test("a frontier goes on from the complete subtrees", () => {
  for (let size = 0; size < SIZE_MAX; size++) {
    const subtrees: Buffer[] = [];
    for (let at = 0; at < size; ) {
      const width = 2 ** Math.floor(Math.log2(size - at));
      subtrees.push(mth(leaves.slice(at, at + width)));
      at += width;
    }
    const frontier = LogFrontier.of(BigInt(size), subtrees);
    assert.deepEqual(frontier.root(), mth(leaves.slice(0, size)));
    for (const leaf of leaves.slice(size)) frontier.append(logLeafHash(leaf));
    assert.deepEqual(frontier.root(), mth(leaves), `from ${size}`);
    assert.throws(() => LogFrontier.of(BigInt(size), [...subtrees, EMPTY_LOG_ROOT]));
  }
});

test("inclusion proofs are PATH and verify for their leaf, index and size only", () => {
  for (let size = 1; size <= SIZE_MAX; size++) {
    const root = mth(leaves.slice(0, size));
    for (let index = 0; index < size; index++) {
      const proof = inclusionProof(BigInt(index), BigInt(size), nodesOf(size));
      assert.deepEqual(proof, pathTo(index, leaves.slice(0, size)), `${index} of ${size}`);
      const leaf = logLeafHash(leaves[index] ?? Buffer.alloc(0));
      const verify = (i: number, n: number, p: readonly Buffer[]): Buffer =>
        verifyInclusion(leaf, BigInt(i), BigInt(n), p);
      assert.deepEqual(verify(index, size, proof), root);
      assert.throws(() => verify(index, size, [...proof, root]), PROOF_INVALID);
      if (proof.length > 0) {
        assert.throws(() => verify(index, size, proof.slice(1)), PROOF_INVALID);
        assert.notDeepEqual(verify(index, size, proof.with(0, flip(proof[0]))), root);
      }
    }
    const leaf = logLeafHash(leaves[0] ?? Buffer.alloc(0));
    assert.throws(() => verifyInclusion(leaf, BigInt(size), BigInt(size), []), PROOF_INVALID);
    assert.throws(() => verifyInclusion(leaf, -1n, BigInt(size), []), PROOF_INVALID);
  }
});

test("consistency proofs are SUBPROOF and verify for their logs only", () => {
  for (let second = 0; second <= SIZE_MAX; second++) {
    const secondRoot = mth(leaves.slice(0, second));
    for (let first = 0; first <= second; first++) {
      const what = `${first} to ${second}`;
      const firstRoot = mth(leaves.slice(0, first));
      const proof = consistencyProof(BigInt(first), BigInt(second), nodesOf(second));
      const expected = first === 0 ? [] : subproof(first, leaves.slice(0, second), true);
      assert.deepEqual(proof, expected, what);
      const verify = (a: Buffer, b: Buffer, p: readonly Buffer[]): void =>
        verifyConsistency(BigInt(first), BigInt(second), a, b, p);
      verify(firstRoot, secondRoot, proof);
      assert.throws(() => verify(flip(firstRoot), secondRoot, proof), PROOF_INVALID, what);
      // Nothing says anything about the log after an empty one.
      if (first > 0) {
        assert.throws(() => verify(firstRoot, flip(secondRoot), proof), PROOF_INVALID, what);
      }
      assert.throws(() => verify(firstRoot, secondRoot, [...proof, firstRoot]), PROOF_INVALID);
      for (const i of proof.keys()) {
        const changed = proof.with(i, flip(proof[i]));
        assert.throws(() => verify(firstRoot, secondRoot, changed), PROOF_INVALID, what);
        assert.throws(() => verify(firstRoot, secondRoot, proof.toSpliced(i, 1)), PROOF_INVALID);
      }
    }
  }
  assert.throws(() => verifyConsistency(2n, 1n, leaf(0), leaf(0), []), PROOF_INVALID);
  // The right hashes under a size that is not theirs.
  const [two, four] = [mth(leaves.slice(0, 2)), mth(leaves.slice(0, 4))];
  const proof = consistencyProof(2n, 4n, nodesOf(4));
  verifyConsistency(2n, 4n, two, four, proof);
  assert.throws(() => verifyConsistency(2n, 8n, two, four, proof), PROOF_INVALID);
});

test("proofs in a log of 2^52 leaves", () => {
  // All leaves alike: a complete subtree's hash depends on its level only.
  const levels = [modelHash("\0", "same")];
  for (let level = 1; level <= 52; level++) {
    const below = levels[level - 1] ?? leaf(0);
    levels.push(modelHash("\u0001", below, below));
  }
  const nodes: LogNodes = { node: (level) => levels[level] ?? leaf(0) };
  const size = 2n ** 52n + 12_345n;
  const root = logRoot(size, nodes);
  for (const index of [0n, 2n ** 51n, 2n ** 52n, size - 1n]) {
    const proof = inclusionProof(index, size, nodes);
    assert.deepEqual(verifyInclusion(nodes.node(0, 0n), index, size, proof), root);
  }
  for (const first of [1n, 2n ** 52n, size - 1n]) {
    verifyConsistency(
      first,
      size,
      logRoot(first, nodes),
      root,
      consistencyProof(first, size, nodes),
    );
  }
});

function leaf(i: number): Buffer {
  return logLeafHash(leaves[i] ?? Buffer.alloc(0));
}

function flip(hash: Buffer | undefined): Buffer {
  const flipped = Buffer.from(hash ?? []);
  flipped[31] = (flipped[31] ?? 0) ^ 1;
  return flipped;
}
