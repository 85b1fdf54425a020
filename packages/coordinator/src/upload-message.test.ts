// Goal: the messages of an upload are those of the generated encoder, byte for byte.
import assert from "node:assert/strict";
import test from "node:test";
import { restore } from "@holdfast/api";
import { packUploadHead, packUploadPart } from "./upload-message.js";

const encoded = (part: NonNullable<restore.UploadStateTilesRequest["part"]>): Buffer =>
  Buffer.from(restore.UploadStateTilesRequest.encode({ part }).finish());

test("parts of all lengths, first and last", () => {
  for (const bytes of [0, 1, 127, 128, 16_383, 16_384, 65_536]) {
    for (const path of ["0", "0123456789abcdef", "f".repeat(64)]) {
      for (const last of [false, true]) {
        const value = { path, data: Buffer.alloc(bytes, 7), last };
        const expected = encoded({ $case: "tilePart", value });
        assert.deepEqual(packUploadPart(value), expected, `${bytes} bytes of ${path}, ${last}`);
      }
    }
  }
});

test("a head", () => {
  const value = { sessionId: "session", leaseId: "lease", fencingToken: 2n ** 63n };
  assert.deepEqual(packUploadHead(value), encoded({ $case: "head", value }));
});
