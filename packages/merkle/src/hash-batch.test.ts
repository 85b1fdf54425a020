// Goal: hashes of the batch are SHA-256, whatever is in the batch.
// Method: node:crypto, for every length around the borders of blocks, lanes and groups, at odd
// addresses, with everything else in memory set, and in random company.
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { HashBatch, INNER_PAIR, LEAF_PAIR } from "./hash-batch.js";
import { modelHash } from "./test-support/model-tree.js";

const HEAP_BYTES = 1 << 20;
const batch = HashBatch.create(HEAP_BYTES) ?? assert.fail("this machine has no SIMD");
const messages = batch.heapStart;
const hashes: number = messages + HEAP_BYTES / 2;

/** Fills messages and hashes with noise that depends on the seed. */
function fill(seed: number): void {
  for (let i = 0; i < HEAP_BYTES; i++)
    batch.bytes[messages + i] = (i * 167 + seed * 31 + (i >> 8)) & 0xff;
}

/** Hashes messages of these lengths, laid one behind the other, and checks each. */
function check(lengths: readonly number[], seed = 0): void {
  fill(seed);
  const expected = new Map<number, Buffer>();
  let at = messages + (seed % 16);
  let to = hashes + 1 + (seed % 3);
  for (const length of lengths) {
    batch.add(at, length, to);
    expected.set(to, modelHash(batch.bytes.slice(at, at + length)));
    at += length;
    to += 33;
  }
  assert.ok(at <= hashes && to <= messages + HEAP_BYTES, "the test keeps to its memory");
  batch.run();
  for (const [i, [address, hash]] of [...expected].entries()) {
    const got = Buffer.from(batch.bytes.subarray(address, address + 32));
    assert.deepEqual(got, hash, `message ${i} of ${lengths[i]} bytes, seed ${seed}`);
    // The byte between two hashes is untouched.
    const i0 = address + 32 - messages;
    const noise = (i0 * 167 + seed * 31 + (i0 >> 8)) & 0xff;
    assert.equal(batch.bytes[address + 32], noise, `byte behind hash ${i}`);
  }
}

test("every length up to seven blocks, alone and four at a time", () => {
  for (let length = 0; length <= 450; length++) {
    check([length], length);
    check([length, length, length, length], length);
  }
});

test("lengths of one group that end in different blocks", () => {
  // The same number of blocks, with the mark in the last one or the one before.
  for (const blocks of [1, 2, 3, 6]) {
    const most = 64 * blocks - 9;
    const least = Math.max(0, most - 63);
    for (let length = least; length <= most; length++) check([length, least, most, length], length);
  }
});

test("random company", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(500), { maxLength: 60 }), fc.nat(1000), (lengths, seed) => {
      check(lengths, seed);
    }),
  );
});

test("more messages than the module is given at once", () => {
  check(Array.from({ length: 5_001 }, (_, i) => i % 90));
});

test("long messages, which node:crypto hashes", () => {
  check([100_000, 3, 376, 375, 374, 5_000]);
});

test("an empty batch does nothing, and a cleared one forgets", () => {
  fill(1);
  const before = Buffer.from(batch.bytes.subarray(messages, messages + HEAP_BYTES));
  batch.run();
  for (let i = 0; i < 7; i++) batch.add(messages, 10, hashes + 32 * i);
  batch.clear();
  batch.run();
  assert.ok(before.equals(batch.bytes.subarray(messages, messages + HEAP_BYTES)));
});

test("a hash can be written into a message of the next run", () => {
  fill(2);
  batch.add(messages, 50, messages + 100);
  batch.run();
  batch.add(messages + 100, 32, hashes);
  batch.run();
  const inner = modelHash(batch.bytes.slice(messages, messages + 50));
  assert.deepEqual(Buffer.from(batch.bytes.subarray(hashes, hashes + 32)), modelHash(inner));
});

test("pairs: what leaves and inner nodes hash, wherever their halves lie, in any number", () => {
  const prefixes = [
    [LEAF_PAIR, "JMT::LeafNode"],
    [INNER_PAIR, "JMT::IntrnalNode"],
  ] as const;
  const address = fc.integer({ min: 0, max: 3_000 });
  const pairs = fc.array(fc.tuple(address, address), { minLength: 1, maxLength: 11 });
  fc.assert(
    fc.property(pairs, fc.constantFrom(...prefixes), fc.nat(), (some, [pair, prefix], seed) => {
      fill(seed);
      const jobs = batch.heapStart + 40_000;
      for (const [i, [left, right]] of some.entries()) {
        batch.words.set([messages + left, messages + right, hashes + 32 * i], jobs / 4 + 3 * i);
      }
      const half = (at: number): Uint8Array => batch.bytes.slice(messages + at, messages + at + 32);
      const expected = some.map(([left, right]) =>
        modelHash(Buffer.concat([Buffer.from(prefix), half(left), half(right)])),
      );
      batch.hashPairs(pair, jobs, some.length);
      for (const [i, hash] of expected.entries()) {
        const at = hashes + 32 * i;
        assert.deepEqual(Buffer.from(batch.bytes.subarray(at, at + 32)), hash);
      }
    }),
  );
});

test("no pair at all, and a pair of hashes of pairs", () => {
  fill(3);
  const jobs = batch.heapStart + 40_000;
  const before = Buffer.from(batch.bytes);
  batch.hashPairs(INNER_PAIR, jobs, 0);
  assert.ok(before.equals(batch.bytes));
  batch.words.set([messages, messages + 32, hashes], jobs / 4);
  batch.hashPairs(LEAF_PAIR, jobs, 1);
  batch.words.set([hashes, hashes, hashes + 32], jobs / 4);
  batch.hashPairs(INNER_PAIR, jobs, 1);
  const leaf = modelHash(
    Buffer.concat([Buffer.from("JMT::LeafNode"), batch.bytes.slice(messages, messages + 64)]),
  );
  const inner = modelHash(Buffer.concat([Buffer.from("JMT::IntrnalNode"), leaf, leaf]));
  assert.deepEqual(Buffer.from(batch.bytes.subarray(hashes + 32, hashes + 64)), inner);
});
