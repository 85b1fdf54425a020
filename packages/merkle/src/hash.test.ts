// Goal: a digest is compared as a whole, and a copied hash is that hash and touches nothing else.
// Method: every bit of a digest flipped; copies to every offset of a few words.
import assert from "node:assert/strict";
import test from "node:test";
import { copyHash, HASH_BYTES, isSha256, sha256 } from "./hash.js";

test("only the digest of the very bytes is taken for it", () => {
  const data = Buffer.from("some bytes");
  const around = Buffer.concat([Buffer.alloc(3, 1), sha256(data), Buffer.alloc(3, 2)]);
  assert.ok(isSha256(data, around, 3));
  assert.ok(isSha256(data, sha256(data)));
  assert.ok(!isSha256(data, around, 2));
  assert.ok(!isSha256(Buffer.from("other bytes"), around, 3));
  for (let bit = 0; bit < 8 * HASH_BYTES; bit++) {
    const wrong = sha256(data);
    wrong[bit >> 3] = (wrong[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.ok(!isSha256(data, wrong), `bit ${bit}`);
  }
  // What is not there is not equal to anything.
  assert.ok(!isSha256(data, sha256(data).subarray(0, 31)));
});

test("a copied hash leaves its neighbours alone", () => {
  const from = Buffer.from(Array.from({ length: 48 }, (_, i) => 100 + i));
  for (let at = 0; at < 16; at++) {
    const to = Buffer.alloc(48, 7);
    copyHash(to, at, from, 15 - at);
    const copied = from.subarray(15 - at, 15 - at + HASH_BYTES);
    const expected = Buffer.concat([Buffer.alloc(at, 7), copied, Buffer.alloc(16 - at, 7)]);
    assert.deepEqual(to, expected);
  }
});
