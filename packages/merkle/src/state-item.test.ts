// Goal: an item has one encoding, the protobuf one, and nothing else decodes.
// Method: the protobuf library as the other encoder; every way to write it differently by hand.
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { decodeStateItem, encodeStateItem, stateItemBytes } from "./index.js";
import { modelItem } from "./test-support/model-tree.js";

const PROOF_INVALID = { reason: "PROOF_INVALID" };
const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex");

test("encodes as the protobuf library does, and back", () => {
  const keys = fc.uint8Array({ minLength: 1, maxLength: 1024 });
  const values = fc.uint8Array({ maxLength: 3000 });
  fc.assert(
    fc.property(keys, values, (key, value) => {
      const encoded = encodeStateItem(key, value);
      assert.deepEqual(encoded, modelItem(key, value).item);
      assert.equal(stateItemBytes(key.length, value.length), encoded.length);
      const decoded = decodeStateItem(encoded);
      assert.deepEqual(decoded.key, Buffer.from(key));
      assert.deepEqual(decoded.value, Buffer.from(value));
    }),
  );
});

test("the largest key and value pass", () => {
  const key = Buffer.alloc(1024, 1);
  const value = Buffer.alloc(1 << 20, 2);
  const decoded = decodeStateItem(encodeStateItem(key, value));
  assert.ok(decoded.key.equals(key) && decoded.value.equals(value));
});

test("what does not encode again to the same bytes is refused", () => {
  const wrong: Readonly<Record<string, Buffer>> = {
    "nothing at all": bytes(""),
    "an empty key": bytes("0a 00"),
    "no key": bytes("12 01 76"),
    "value before key": bytes("12 01 76 0a 01 6b"),
    "an empty value written": bytes("0a 01 6b 12 00"),
    "a length in two bytes that fits one": bytes("0a 81 00 6b"),
    "a value length in two bytes that fits one": bytes("0a 01 6b 12 81 00 76"),
    "a cut key": bytes("0a 02 6b"),
    "a cut value": bytes("0a 01 6b 12 02 76"),
    "a cut length": bytes("0a 81"),
    "an unknown field behind": bytes("0a 01 6b 12 01 76 18 01"),
    "the key twice": bytes("0a 01 6b 0a 01 6b"),
    "the value twice": bytes("0a 01 6b 12 01 76 12 01 76"),
    "an endless length": bytes("0a ff ff ff ff ff ff 01 6b"),
    "a key of 1,025 bytes": Buffer.concat([bytes("0a 81 08"), Buffer.alloc(1025, 1)]),
    "a value of 1 MiB + 1": Buffer.concat([
      bytes("0a 01 6b 12 81 80 40"),
      Buffer.alloc((1 << 20) + 1, 1),
    ]),
  };
  for (const [what, encoded] of Object.entries(wrong)) {
    assert.throws(() => decodeStateItem(encoded), PROOF_INVALID, what);
  }
});
