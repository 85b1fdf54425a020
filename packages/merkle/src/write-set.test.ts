// Goal: the hash of a write set depends on its writes alone, and on each byte of them.
// Method: the layout of docs/hashing.md spelled out; shuffled orders; ambiguous splits.
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { eventRoot, type WriteOp, writeSetHash } from "./index.js";
import { modelHash } from "./test-support/model-tree.js";

const put = (key: string, value: string): WriteOp => ({
  kind: "put",
  key: Buffer.from(key),
  value: Buffer.from(value),
});
const del = (key: string): WriteOp => ({ kind: "delete", key: Buffer.from(key) });

test("writes are hashed in order of key, as laid out", () => {
  const layout = Buffer.concat([
    Buffer.from("02 00000001".replace(" ", ""), "hex"),
    Buffer.from("a"),
    Buffer.from("0100000002", "hex"),
    Buffer.from("ab"),
    Buffer.from("00000000", "hex"),
    Buffer.from("0100000001", "hex"),
    Buffer.from("b"),
    Buffer.from("00000003", "hex"),
    Buffer.from("xyz"),
  ]);
  const ops = [put("b", "xyz"), del("a"), put("ab", "")];
  assert.deepEqual(writeSetHash(ops), modelHash(layout));
  assert.deepEqual(writeSetHash([]), modelHash(""));
});

test("the order in which writes are given does not matter", () => {
  const key = fc.uint8Array({ minLength: 1, maxLength: 9 });
  const op: fc.Arbitrary<WriteOp> = fc.oneof(
    fc.record({ kind: fc.constant("put" as const), key, value: fc.uint8Array({ maxLength: 4 }) }),
    fc.record({ kind: fc.constant("delete" as const), key }),
  );
  const sets = fc.uniqueArray(op, {
    selector: (write) => Buffer.from(write.key).toString("hex"),
    maxLength: 30,
  });
  fc.assert(
    fc.property(sets, (ops) => {
      const sorted = ops.toSorted((a, b) => Buffer.compare(a.key, b.key));
      assert.deepEqual(writeSetHash(ops), writeSetHash(sorted));
      assert.deepEqual(writeSetHash(ops.toReversed()), writeSetHash(sorted));
    }),
  );
});

test("different writes have different hashes", () => {
  const sets: readonly (readonly WriteOp[])[] = [
    [],
    [del("a")],
    [put("a", "")],
    [put("a", "b")],
    [put("ab", "")],
    [del("ab")],
    [del("a"), del("b")],
    [del("a"), put("b", "")],
    [put("a", ""), put("b", "")],
    [put("a\0\0\0\0\0\0\0", "")],
    [put("a\0\0\0\0\0\0", "")],
  ];
  const hashes = new Set(sets.map((ops) => writeSetHash(ops).toString("hex")));
  assert.equal(hashes.size, sets.length);
});

test("a key written twice is refused", () => {
  for (const second of [put("long enough", "2"), del("long enough")]) {
    assert.throws(() => writeSetHash([put("long enough", "1"), del("b"), second]), {
      reason: "INVALID_REQUEST",
    });
  }
});

test("events hash to their RFC 6962 root", () => {
  const [a, b, c] = ["a", "b", "c"].map((event) => modelHash("\0", event));
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  const events = ["a", "b", "c"].map((event) => Buffer.from(event));
  assert.deepEqual(eventRoot([]), modelHash(""));
  assert.deepEqual(eventRoot(events.slice(0, 1)), a);
  assert.deepEqual(eventRoot(events), modelHash("\u0001", modelHash("\u0001", a, b), c));
});
