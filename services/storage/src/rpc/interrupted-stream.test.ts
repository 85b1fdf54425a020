// Goal: storage that drains ends a stream behind a whole tile and says which; behind it the stream
// goes on as if nothing had been.
// Method: a store of some megabytes; a reader that waits in mid-stream while the server drains;
// another server on the same store.
import { strict as assert } from "node:assert";
import test from "node:test";
import type { backup } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import type { ModelWrite } from "../test-support/ledger-model.js";
import { ScanModel } from "../test-support/scan-model.js";
import { ServedBackup } from "../test-support/served-backup.js";

/** Far more than what lies in windows and buffers of a connection. */
const KEYS = 4_000;

async function read(
  stream: AsyncIterable<backup.StreamStateSnapshotResponse>,
): Promise<{ chunks: backup.StateChunk[]; error: unknown }> {
  const chunks: backup.StateChunk[] = [];
  try {
    for await (const { part } of stream) {
      if (part?.$case === "chunks") chunks.push(...part.value.chunks);
    }
    return { chunks, error: null };
  } catch (error) {
    return { chunks, error };
  }
}

test("a stream that storage drains names its last tile, and goes on behind it", async () => {
  await using model = await ScanModel.open();
  const write = (index: number): ModelWrite => [
    Buffer.from(`key ${index}`),
    Buffer.alloc(4_000, index % 256),
  ];
  for (let from = 0; from < KEYS; from += 500) {
    model.commit(Array.from({ length: 500 }, (_, index) => write(from + index)));
  }
  const version = model.checkpoints.at(-1) ?? 0n;
  const expectedRoot = model.root(version);
  let resumeAfter = "";
  let got: backup.StateChunk[] = [];
  {
    await using served = await ServedBackup.start(model);
    const stream = served.snapshot();
    assert.equal((await stream.next()).value?.part?.$case, "header");
    const { part: first } = (await stream.next()).value ?? {};
    assert.ok(first?.$case === "chunks");
    const drained = served.drain();
    const { chunks, error } = await read(stream);
    assert.ok(error instanceof HoldfastError && error.reason === "DRAINING", String(error));
    assert.ok((error.retryAfterMs ?? 0) > 0);
    resumeAfter = error.metadata["resume_after"] ?? "";
    got = [...first.value.chunks, ...chunks];
    assert.equal(resumeAfter, got.at(-1)?.path, "the last tile that arrived");
    await drained;
  }
  await using served = await ServedBackup.start(model);
  const { chunks, error } = await read(served.snapshot({ version, expectedRoot, resumeAfter }));
  assert.equal(error, null);
  assert.ok(got.length > 0 && chunks.length > 0, "it ended in the middle");
  assert.deepEqual(
    [...got, ...chunks].flatMap(({ items }) => items.map(({ key }) => key)),
    model.items(version).map(({ key }) => key),
  );
});
