// Goal: lines are the characters that were appended, whatever their number and the blocks they fill.
// Method: random pieces beside a string that grows likewise; numbers of every length.
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { LINES_BLOCK_BYTES } from "./archive-limits.js";
import { LineBytes, TILE_LINE_BYTES_MAX } from "./line-bytes.js";
import { writeTileLine } from "./tile-text.js";

function textOf(lines: LineBytes): string {
  return Buffer.concat(lines.blocks).toString("latin1");
}

test("whole numbers of every length, in decimal digits", () => {
  const number = fc.oneof(fc.maxSafeNat(), fc.nat(1_000), fc.integer({ min: 0, max: 2 ** 32 }));
  fc.assert(
    fc.property(number, (value) => {
      const lines = new LineBytes();
      lines.begin();
      lines.number(value);
      assert.equal(textOf(lines), `${value}`);
    }),
  );
  const most = Number.MAX_SAFE_INTEGER;
  const borders = Array.from({ length: 16 }, (_, digits) => [10 ** digits - 1, 10 ** digits]);
  for (const value of [...borders.flat(), most, most - 1, most - 9]) {
    const lines = new LineBytes();
    lines.begin();
    lines.number(value);
    assert.equal(textOf(lines), `${value}`);
  }
});

test("pieces over several blocks", () => {
  const lines = new LineBytes();
  let expected = "";
  for (let index = 0; expected.length < 3 * LINES_BLOCK_BYTES; index++) {
    const bytes = Buffer.from([index & 255, (index >> 8) & 255, 0, 255]);
    lines.begin();
    lines.text("{");
    lines.hex(bytes);
    lines.number(index);
    lines.gap(4);
    lines.text("}\n");
    expected += `{${bytes.toString("hex")}${index}gap.}\n`;
    assert.equal(lines.length, expected.length);
  }
  assert.ok(lines.blocks.length > 3);
  lines.fillGaps("gap.");
  assert.equal(textOf(lines), expected);
});

test("the longest line has room, and one that is longer is not cut off without a word", () => {
  const hash = Buffer.alloc(32, 0xff);
  const leaf = { kind: "leaf", keyHash: hash, valueHash: hash } as const;
  const most = Number.MAX_SAFE_INTEGER;
  const counts = { items: most, bytes: most, changes: most };
  const path = "f".repeat(64);
  const lines = new LineBytes();
  const tile = { kind: "changed", path, from: leaf, to: leaf, ...counts, chunk: hash } as const;
  writeTileLine(lines, tile, most, most);
  assert.ok(lines.length > 600 && lines.length <= TILE_LINE_BYTES_MAX, `${lines.length} bytes`);
  lines.text(" ".repeat(LINES_BLOCK_BYTES));
  assert.throws(() => lines.begin(), RangeError);
  assert.throws(() => lines.blocks, RangeError);
});
