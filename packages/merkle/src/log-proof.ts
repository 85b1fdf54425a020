import { strict as assert } from "node:assert";
import { EMPTY_LOG_ROOT, logInnerHash } from "./log-hash.js";
import { proofInvalid } from "./proof-invalid.js";

/** The hashes of a log's complete subtrees. */
export interface LogNodes {
  /**
   * Hash of the complete subtree over leaves `index * 2^level` to `(index + 1) * 2^level - 1`,
   * all of which exist; 32 bytes. Level 0 is the leaf hash.
   */
  node(level: number, index: bigint): Buffer;
}

/** Root of the log of the first `size` leaves (RFC 6962, 2.1). */
export function logRoot(size: bigint, nodes: LogNodes): Buffer {
  return size === 0n ? EMPTY_LOG_ROOT : rangeHash(0n, size, nodes);
}

/**
 * RFC 6962 audit path of leaf `index` (< `size`) in the log of the first `size` leaves, the
 * deepest hash first.
 */
export function inclusionProof(index: bigint, size: bigint, nodes: LogNodes): Buffer[] {
  assert(index >= 0n && index < size, "the leaf is not in the log");
  const proof: Buffer[] = [];
  let start = 0n;
  let end = size;
  while (end - start > 1n) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      proof.push(rangeHash(middle, end, nodes));
      end = middle;
    } else {
      proof.push(rangeHash(start, middle, nodes));
      start = middle;
    }
  }
  return proof.reverse();
}

/**
 * RFC 6962 consistency path between the logs of the first `first` and the first `second` leaves
 * (`first` <= `second`); empty when `first` is 0 or equal to `second`.
 */
export function consistencyProof(first: bigint, second: bigint, nodes: LogNodes): Buffer[] {
  assert(first >= 0n && first <= second, "the first log is longer than the second");
  if (first === 0n || first === second) return [];
  const proof: Buffer[] = [];
  let start = 0n;
  let end = second;
  // Until the range ends where the first log does: its hash is then known to the verifier when
  // it is the whole first log, and given otherwise.
  while (end !== first) {
    const middle = start + splitOf(end - start);
    if (first <= middle) {
      proof.push(rangeHash(middle, end, nodes));
      end = middle;
    } else {
      proof.push(rangeHash(start, middle, nodes));
      start = middle;
    }
  }
  if (start !== 0n) proof.push(rangeHash(start, end, nodes));
  return proof.reverse();
}

/**
 * The root that an audit path leads to (RFC 9162, 2.1.3.2); compare it with the one you trust.
 * @throws PROOF_INVALID when the path's length does not fit `index` and `size`.
 */
export function verifyInclusion(
  leafHash: Buffer,
  index: bigint,
  size: bigint,
  proof: readonly Buffer[],
): Buffer {
  if (index < 0n || index >= size) throw proofInvalid("The leaf is not in a log of this size.");
  let node = index;
  let last = size - 1n;
  let hash = leafHash;
  for (const sibling of proof) {
    if (last === 0n) throw proofInvalid("The inclusion proof is too long.");
    if ((node & 1n) === 1n || node === last) {
      hash = logInnerHash(sibling, hash);
      // A right border without a sibling: rise to where there is one.
      while ((node & 1n) === 0n && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      hash = logInnerHash(hash, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  if (last !== 0n) throw proofInvalid("The inclusion proof is too short.");
  return hash;
}

/**
 * Checks that the log with `firstRoot` is a prefix of the log with `secondRoot` (RFC 9162,
 * 2.1.4.2).
 * @throws PROOF_INVALID when it is not shown.
 */
export function verifyConsistency(
  first: bigint,
  second: bigint,
  firstRoot: Buffer,
  secondRoot: Buffer,
  proof: readonly Buffer[],
): void {
  if (first < 0n || first > second) throw proofInvalid("The first log is longer than the second.");
  if (first === 0n || first === second) {
    const expected = first === 0n ? EMPTY_LOG_ROOT : secondRoot;
    if (proof.length !== 0 || !firstRoot.equals(expected)) throw inconsistent();
    return;
  }
  // A first log that is one complete subtree is left out of the path: its root is known.
  const isWhole = (first & (first - 1n)) === 0n;
  const [seed, ...path] = isWhole ? [firstRoot, ...proof] : proof;
  if (seed === undefined) throw inconsistent();
  let node = first - 1n;
  let last = second - 1n;
  while ((node & 1n) === 1n) {
    node >>= 1n;
    last >>= 1n;
  }
  let firstHash = seed;
  let secondHash = seed;
  for (const sibling of path) {
    if (last === 0n) throw inconsistent();
    if ((node & 1n) === 1n || node === last) {
      firstHash = logInnerHash(sibling, firstHash);
      secondHash = logInnerHash(sibling, secondHash);
      while ((node & 1n) === 0n && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      secondHash = logInnerHash(secondHash, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  if (last !== 0n || !firstHash.equals(firstRoot) || !secondHash.equals(secondRoot)) {
    throw inconsistent();
  }
}

/** Hash of the leaves `start` to `end - 1`; `start` is a multiple of the power of two above. */
function rangeHash(start: bigint, end: bigint, nodes: LogNodes): Buffer {
  const subtrees: Buffer[] = [];
  let at = start;
  while (at < end) {
    const level = (end - at).toString(2).length - 1;
    subtrees.push(nodes.node(level, at >> BigInt(level)));
    at += 1n << BigInt(level);
  }
  return subtrees.reduceRight((right, left) => logInnerHash(left, right));
}

/** Leaves in the left half: the largest power of two below `size` (>= 2). */
function splitOf(size: bigint): bigint {
  return 1n << BigInt((size - 1n).toString(2).length - 1);
}

function inconsistent(): Error {
  return proofInvalid("The earlier log is not shown to be a prefix of the later one.");
}
