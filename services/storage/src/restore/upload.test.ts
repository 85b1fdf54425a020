// Goal: parts become batches of whole tiles, whatever their sizes, within the limits.
import assert from "node:assert/strict";
import test from "node:test";
import { HoldfastError, limits, type Reason } from "@holdfast/core";
import { SeededRandom } from "@holdfast/testing";
import type { TileBatch } from "./tile-prover.js";
import { type TilePart, UPLOAD_BATCHES_MAX, UploadAssembly } from "./upload.js";

function part(path: string, bytes: number, last = true): TilePart {
  return { path, data: Buffer.alloc(bytes, path), last };
}

function reasonOf(act: () => unknown): Reason {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof HoldfastError, String(error));
    return error.reason;
  }
  return assert.fail("it was expected to throw");
}

test("tiles of any size are whole in their batches", () => {
  const random = new SeededRandom(4);
  const assembly = new UploadAssembly();
  const sent: { path: string; body: Buffer }[] = [];
  const batches: TileBatch[] = [];
  for (let tile = 0, bytes = 0; bytes < limits.UPLOAD_BYTES_MAX / 2; tile++) {
    const path = tile.toString(16);
    const body = random.bytes(1 + random.int(random.chance(0.1) ? 600_000 : 5_000));
    bytes += body.length;
    sent.push({ path, body });
    for (let at = 0; at < body.length; ) {
      const end = Math.min(body.length, at + 1 + random.int(limits.UPLOAD_PART_BYTES_MAX));
      const data = body.subarray(at, end);
      const batch = assembly.add({ path, data, last: end === body.length });
      if (batch !== null) batches.push(batch);
      at = end;
    }
  }
  const rest = assembly.finish();
  if (rest !== null) batches.push(rest);
  assert.equal(assembly.finish(), null);
  const received = batches.flatMap(({ body, tiles }) =>
    tiles.map(({ path, end }, index) => {
      const start = tiles[index - 1]?.end ?? 0;
      return { path, body: Buffer.from(body.subarray(start, end)) };
    }),
  );
  assert.deepEqual(received, sent);
  assert.ok(batches.length > 1 && batches.length <= UPLOAD_BATCHES_MAX);
  // A batch has its memory alone: it goes to another thread.
  assert.equal(new Set(batches.map(({ body }) => body.buffer)).size, batches.length);
});

test("what breaks the rules is refused", () => {
  const add = (...parts: TilePart[]) => {
    const assembly = new UploadAssembly();
    for (const each of parts) assembly.add(each);
    return assembly;
  };
  assert.equal(
    reasonOf(() => add(part("", 1))),
    "INVALID_REQUEST",
  );
  assert.equal(
    reasonOf(() => add(part("A", 1))),
    "INVALID_REQUEST",
  );
  assert.equal(
    reasonOf(() => add(part("a", 1, false), part("b", 1))),
    "INVALID_REQUEST",
  );
  assert.equal(
    reasonOf(() => add(part("a", 1, false)).finish()),
    "INVALID_REQUEST",
  );
  const tooLong = limits.UPLOAD_PART_BYTES_MAX + 1;
  assert.equal(
    reasonOf(() => add(part("a", tooLong))),
    "INVALID_REQUEST",
  );
  const full = limits.UPLOAD_BYTES_MAX / limits.UPLOAD_PART_BYTES_MAX;
  const parts = Array.from({ length: full }, () => part("a", limits.UPLOAD_PART_BYTES_MAX));
  add(...parts);
  assert.equal(
    reasonOf(() => add(...parts, part("b", 1))),
    "MESSAGE_TOO_LARGE",
  );
});
