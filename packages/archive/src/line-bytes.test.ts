// Goal: lines are the characters that were appended, whatever their number and the blocks they fill.
// Method: random pieces beside a string that grows likewise; numbers of every length.
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { LINES_BLOCK_BYTES } from "./archive-limits.js";
import { LineBytes } from "./line-bytes.js";

function textOf(lines: LineBytes): string {
  return Buffer.concat(lines.blocks).toString("latin1");
}

test("whole numbers of every length, in decimal digits", () => {
  const number = fc.oneof(fc.maxSafeNat(), fc.nat(1_000), fc.integer({ min: 0, max: 2 ** 32 }));
  fc.assert(
    fc.property(number, (value) => {
      const lines = new LineBytes();
      lines.number(value);
      assert.equal(textOf(lines), `${value}`);
    }),
  );
  const most = Number.MAX_SAFE_INTEGER;
  const borders = Array.from({ length: 16 }, (_, digits) => [10 ** digits - 1, 10 ** digits]);
  for (const value of [...borders.flat(), most, most - 1, most - 9]) {
    const lines = new LineBytes();
    lines.number(value);
    assert.equal(textOf(lines), `${value}`);
  }
});

test("pieces over several blocks", () => {
  const lines = new LineBytes();
  let expected = "";
  for (let index = 0; expected.length < 3 * LINES_BLOCK_BYTES; index++) {
    const bytes = Buffer.from([index & 255, (index >> 8) & 255, 0, 255]);
    lines.text("{");
    lines.hex(bytes);
    lines.number(index);
    const { block, at } = lines.leave(4);
    block.write("gap.", at, "latin1");
    lines.text("}\n");
    expected += `{${bytes.toString("hex")}${index}gap.}\n`;
    assert.equal(lines.length, expected.length);
  }
  assert.ok(lines.blocks.length > 3);
  assert.equal(textOf(lines), expected);
});
