// Goal: lines come out the same however the reads cut the file, and skipping them hashes the same
// bytes and finds the same last line.
// Method: files of every odd shape behind reads of few bytes, against the text split at once.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import fc from "fast-check";
import type { ReadableFile } from "./archive-files.js";
import { DIGEST_TAIL_BYTES } from "./digest-tail.js";
import { DigestedLines } from "./digested-lines.js";

/** A file that gives at most `most` bytes at a time. */
function fileOf(text: string, most: number): ReadableFile {
  const bytes = Buffer.from(text, "latin1");
  return {
    bytes: bytes.length,
    read: async (offset, length) => bytes.subarray(offset, offset + Math.min(length, most)),
    close: async () => undefined,
  };
}

/** What a file of this text has: its lines but the last, the last, and its digest. */
function expectedOf(text: string): { lines: string[]; last: string; sha256: Buffer } {
  const lines = text.split(/(?<=\n)/);
  const last = lines.pop() ?? "";
  const digested = text.slice(0, Math.max(0, text.length - DIGEST_TAIL_BYTES));
  const sha256 = createHash("sha256").update(digested, "latin1").digest();
  return { lines: lines.map((line) => line.slice(0, -1)), last, sha256 };
}

const texts = fc
  .array(fc.string({ maxLength: 90 }), { maxLength: 8 })
  .chain((lines) => fc.constantFrom("", "\n").map((end) => lines.join("\n") + end));

test("all lines, the first line and the rest, and none of them", async () => {
  await fc.assert(
    fc.asyncProperty(texts, fc.integer({ min: 1, max: 100 }), async (text, most) => {
      const { lines: expected, last, sha256 } = expectedOf(text);
      const all = new DigestedLines(fileOf(text, most));
      const found: string[] = [];
      for await (const batch of all.batches()) found.push(...batch);
      assert.deepEqual([found, all.last, all.sha256], [expected, last, sha256], "all");

      const parted = new DigestedLines(fileOf(text, most));
      const first = await parted.first();
      assert.equal(first, expected[0] ?? "");
      const rest: string[] = [];
      for await (const batch of parted.batches()) rest.push(...batch);
      assert.deepEqual([rest, parted.last, parted.sha256], [expected.slice(1), last, sha256]);

      const skipped = new DigestedLines(fileOf(text, most));
      await skipped.first();
      assert.equal(skipped.last, expected.length === 0 ? last : "", "not there yet");
      await skipped.skip();
      assert.deepEqual([skipped.last, skipped.sha256], [last, sha256], "skipped");
    }),
  );
});
