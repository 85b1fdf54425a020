// Goal: batches are written in groups, and none waits for what does not come. Method: batches whose
// proofs end when the test says so.
import assert from "node:assert/strict";
import test from "node:test";
import type { ProvedBatch } from "./tile-prover.js";
import { WriteGroups } from "./write-groups.js";

/** Four of them are a group. */
const BATCH_BYTES: number = 256 * 1024;

/** One batch on its way. */
interface Proof {
  readonly succeed: () => void;
  readonly fail: () => void;
}

/** Begins `count` proofs; `gone` gets their numbers when they may be written. */
function begin(count: number): { proofs: Proof[]; gone: number[]; failed: number[] } {
  const groups = new WriteGroups();
  const gone: number[] = [];
  const failed: number[] = [];
  const proofs = Array.from({ length: count }, (_, index): Proof => {
    let succeed = (): void => undefined;
    let fail = (): void => undefined;
    const proving = new Promise<ProvedBatch>((resolve, reject) => {
      succeed = () => resolve(batchOf(BATCH_BYTES));
      fail = () => reject(new Error("wrong"));
    });
    groups.join(proving).then(
      () => gone.push(index),
      () => failed.push(index),
    );
    return { succeed, fail };
  });
  return { proofs, gone, failed };
}

function batchOf(bytes: number): ProvedBatch {
  const none = new Uint8Array(0);
  const spans = new Uint32Array(0);
  return { body: new Uint8Array(bytes), keyHashes: none, spans, nodes: none, tiles: [] };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("1 MiB is a group, in the order of their proofs", async () => {
  const { proofs, gone } = begin(6);
  for (const index of [1, 0, 2]) proofs[index]?.succeed();
  await settle();
  assert.deepEqual(gone, [], "others are being proved");
  proofs[5]?.succeed();
  await settle();
  assert.deepEqual(gone, [1, 0, 2, 5]);
  proofs[3]?.succeed();
  await settle();
  assert.equal(gone.length, 4, "the group begins anew");
});

test("the last ones go without having filled a group", async () => {
  const { proofs, gone } = begin(2);
  proofs[0]?.succeed();
  await settle();
  assert.deepEqual(gone, []);
  proofs[1]?.succeed();
  await settle();
  assert.deepEqual(gone, [0, 1]);
});

test("nobody waits for a proof that failed", async () => {
  const { proofs, gone, failed } = begin(3);
  proofs[0]?.succeed();
  proofs[1]?.fail();
  await settle();
  assert.deepEqual([gone, failed], [[], [1]]);
  proofs[2]?.fail();
  await settle();
  assert.deepEqual([gone, failed], [[0], [1, 2]]);
});
