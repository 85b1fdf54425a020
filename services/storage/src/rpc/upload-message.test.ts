// Goal: what the generated encoder writes is what is read, and nothing malformed passes.
import assert from "node:assert/strict";
import test from "node:test";
import { restore } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import { SeededRandom } from "@holdfast/testing";
import { decodeUploadMessage } from "./upload-message.js";

function encode(part: restore.UploadStateTilesRequest["part"]): Buffer {
  return Buffer.from(restore.UploadStateTilesRequest.encode({ part }).finish());
}

test("messages of the generated encoder are read", () => {
  const random = new SeededRandom(1);
  const head = { sessionId: "session", leaseId: "lease", fencingToken: 2n ** 60n };
  assert.deepEqual(decodeUploadMessage(encode({ $case: "head", value: head })), {
    kind: "head",
    head,
  });
  for (const size of [0, 1, 127, 128, 65_536]) {
    for (const last of [false, true]) {
      const value = { path: size === 1 ? "" : "a3f", data: random.bytes(size), last };
      const message = decodeUploadMessage(encode({ $case: "tilePart", value }));
      assert.ok(message.kind === "part");
      assert.equal(message.part.path, value.path);
      assert.equal(message.part.last, last);
      assert.deepEqual(Buffer.from(message.part.data), value.data);
    }
  }
});

test("unknown fields are passed over, malformed messages are refused", () => {
  const value = { path: "a", data: Buffer.from("data"), last: true };
  const known = encode({ $case: "tilePart", value });
  const unknown = Buffer.concat([Buffer.from([0x7a, 0x02, 1, 2]), known]);
  const message = decodeUploadMessage(unknown);
  assert.ok(message.kind === "part" && message.part.path === "a");
  const malformed = [Buffer.alloc(0), known.subarray(0, -1), Buffer.from([0x12, 0x05, 1])];
  for (const bytes of malformed) {
    assert.throws(
      () => decodeUploadMessage(bytes),
      (error) => error instanceof HoldfastError && error.reason === "INVALID_REQUEST",
      bytes.toString("hex"),
    );
  }
});
