// Goal: paths and ranges agree with what a key hash says in hex.
// Method: properties over random hashes and paths, and the borders by hand.
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { bitAt, commonBits, hasPath, isPath, nibbleOf, pathOf, pathRange } from "./index.js";
import { bitsOf } from "./test-support/model-tree.js";

const hashes = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
const paths = fc
  .array(fc.constantFrom(..."0f3a"), { maxLength: 64 })
  .map((digits) => digits.join(""));

test("a path is 0 to 64 lower-case hex digits", () => {
  for (const path of ["", "0", "f", "a3f", "0".repeat(64)]) assert.equal(isPath(path), true, path);
  for (const text of ["A", "g", "0x", " 1", "1\n", "0".repeat(65)]) {
    assert.equal(isPath(text), false, JSON.stringify(text));
  }
});

test("pathOf and hasPath read nibbles", () => {
  fc.assert(
    fc.property(hashes, fc.nat(64), paths, (keyHash, nibbles, path) => {
      const hex = keyHash.toString("hex");
      assert.equal(pathOf(keyHash, nibbles), hex.slice(0, nibbles));
      assert.equal(nibbleOf(keyHash, nibbles & 63).toString(16), hex[nibbles & 63]);
      assert.equal(hasPath(keyHash, path), hex.startsWith(path));
    }),
  );
});

test("a range holds exactly the key hashes under its path", () => {
  fc.assert(
    fc.property(hashes, paths, (keyHash, path) => {
      const { start, end } = pathRange(path);
      assert.equal(start.length, 32);
      const inside =
        Buffer.compare(keyHash, start) >= 0 && (end === null || Buffer.compare(keyHash, end) < 0);
      assert.equal(inside, keyHash.toString("hex").startsWith(path));
      const last = Buffer.from(path.padEnd(64, "f"), "hex");
      if (end !== null) {
        const after = BigInt(`0x${last.toString("hex")}`) + 1n;
        assert.equal(BigInt(`0x${end.toString("hex")}`), after);
      } else {
        assert.match(path, /^f*$/);
      }
    }),
  );
});

test("bits and common bits", () => {
  fc.assert(
    fc.property(hashes, fc.nat(255), (a, flipped) => {
      const b = Buffer.from(a);
      b[flipped >> 3] = (b[flipped >> 3] ?? 0) ^ (0x80 >> (flipped & 7));
      assert.equal(commonBits(a, b), flipped);
      assert.equal(commonBits(a, a), 256);
      assert.equal(String(bitAt(a, flipped)), bitsOf(a)[flipped]);
    }),
  );
});
