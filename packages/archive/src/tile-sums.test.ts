// Goal: sums of a manifest are exact, however large.
// Method: the same sums as BigInts.
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import type { TileLine } from "./tile-line.js";
import { TileSums } from "./tile-sums.js";

/** What a line can say: numbers of 15 digits. */
const number = fc.oneof(fc.nat(1_000), fc.integer({ min: 0, max: 999_999_999_999_999 }));

const line: fc.Arbitrary<TileLine> = fc
  .tuple(number, number, number, fc.boolean())
  .map(([items, bytes, length, isChanged]) => {
    const counts = { path: "0", items, bytes };
    const node = { kind: "empty" } as const;
    if (!isChanged) return { kind: "unchanged", ...counts, node };
    const chunk = Buffer.alloc(32);
    const place = { chunk, pack: "", offset: 0, length };
    return { kind: "changed", ...counts, from: node, to: node, changes: 1, ...place };
  });

test("as BigInts, line by line and joined", () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 60 }), fc.nat(60), fc.nat(60), (lines, cut, look) => {
      const sums = new TileSums();
      const rest = new TileSums();
      for (const [index, each] of lines.entries()) {
        (index < cut ? sums : rest).add(each);
        // Looking at them in between changes nothing.
        if (index === look) assert.ok(sums.items >= 0n && rest.bytes >= 0n);
      }
      sums.join(rest);
      const sum = (of: (line: TileLine) => number): bigint =>
        lines.reduce((total, each) => total + BigInt(of(each)), 0n);
      assert.equal(
        sums.items,
        sum(({ items }) => items),
      );
      assert.equal(
        sums.bytes,
        sum(({ bytes }) => bytes),
      );
      assert.equal(
        sums.storedBytes,
        sum((each) => (each.kind === "unchanged" ? 0 : each.length)),
      );
      const changed = lines.filter(({ kind }) => kind === "changed");
      assert.deepEqual([sums.tiles, sums.chunks], [lines.length, changed.length]);
    }),
  );
});
