// Goal: the frames of a snapshot hold exactly the state at its version, tiled as defined, each
// chunk folding to its node and, with its siblings, to the root; whatever was written before and
// after; and byte for byte what the generated encoder makes.
// Method: random stores against plain maps; every frame is decoded and encoded again.
import { strict as assert } from "node:assert";
import test from "node:test";
import { backup, type types } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import {
  chunkId,
  foldChunk,
  foldSiblings,
  nodesEqual,
  rootOf,
  TileRootFold,
  type TreeNode,
} from "@holdfast/merkle";
import { SeededRandom } from "@holdfast/testing";
import type { ModelWrite } from "../test-support/ledger-model.js";
import { bodyOf, ScanModel } from "../test-support/scan-model.js";
import { countReadTransactions } from "./read-transactions.js";
import type { FrameResult, ScanJob, SnapshotJob } from "./scan-job.js";
import { Scans } from "./scans.js";

const seed = SeededRandom.seedFromEnvironment();
const FRAME_BYTES_TARGET = 131_072;

/** All frames behind a tile. */
function framesOf(
  scans: Scans,
  { store }: ScanModel,
  { version, after = "", withProofs = true }: Partial<SnapshotJob> & { readonly version: bigint },
): FrameResult[] {
  const results: FrameResult[] = [];
  for (let last = after; ; ) {
    const memory = results.length % 2 === 0 ? [] : [new ArrayBuffer(140_000)];
    const framesMax = 1 + (results.length % 3);
    const job: ScanJob = {
      kind: "snapshot",
      generation: store.env.path,
      version,
      after: last,
      tilesMax: null,
      withProofs,
      framesMax,
      memory,
    };
    const some = scans.run(job, () => false) as readonly FrameResult[];
    assert.ok(some.length <= framesMax, "no more frames than asked for");
    for (const result of some) {
      results.push(result);
      if (result.isLast) return results;
      assert.notEqual(result.last, last, "each frame goes on");
      last = result.last;
    }
  }
}

function chunksOf(results: readonly FrameResult[]): backup.StateChunk[] {
  return results.flatMap(({ frame, ...sum }) => {
    if (frame === null) return [];
    const bytes = Buffer.from(frame.memory, frame.offset, frame.length);
    const decoded = backup.StreamStateSnapshotResponse.decode(bytes);
    const again = backup.StreamStateSnapshotResponse.encode(decoded).finish();
    assert.ok(bytes.equals(again), "the frame is what the generated encoder makes");
    assert.ok(decoded.part?.$case === "chunks");
    const { chunks } = decoded.part.value;
    const size = Buffer.from(backup.StateChunks.encode(decoded.part.value).finish()).length;
    assert.ok(chunks.length === 1 || size <= FRAME_BYTES_TARGET, `a frame of ${size} bytes`);
    assert.equal(sum.tiles, chunks.length);
    assert.equal(sum.last, chunks.at(-1)?.path);
    assert.equal(
      sum.items,
      chunks.reduce((items, chunk) => items + chunk.items.length, 0),
    );
    assert.deepEqual(Buffer.from(sum.chunkIds), Buffer.concat(chunks.map((c) => c.chunkId)));
    return chunks;
  });
}

function nodeOf(message: types.TreeNode | undefined): TreeNode {
  assert.ok(message?.kind);
  switch (message.kind.$case) {
    case "empty":
      return { kind: "empty" };
    case "leaf":
      return { kind: "leaf", ...message.kind.value };
    case "inner":
      return { kind: "inner", hash: message.kind.value };
  }
}

/** Holds the stream of a version against the model. */
function check(scans: Scans, model: ScanModel, version: bigint): void {
  const root = model.root(version);
  const chunks = chunksOf(framesOf(scans, model, { version }));
  const tiles = model.tiles(version);
  assert.deepEqual(
    chunks.map(({ path }) => path),
    tiles.map(({ path }) => path),
  );
  const rootFold = new TileRootFold();
  for (const [index, chunk] of chunks.entries()) {
    const body = bodyOf(chunk.items);
    const tile = tiles[index];
    assert.deepEqual(
      chunk.items.map(({ key, value }) => [key, value]),
      tile?.items.map(({ key, value }) => [key, value]),
      `items of ${chunk.path} at ${version}`,
    );
    assert.deepEqual(chunk.chunkId, chunkId(body));
    assert.equal(chunk.itemCount, BigInt(chunk.items.length));
    const folded = foldChunk(chunk.path, body);
    const node = nodeOf(chunk.node);
    assert.ok(nodesEqual(folded.node, node), `${chunk.path} folds to its node`);
    assert.equal(folded.bytes, tile?.bytes);
    const top = foldSiblings(chunk.path, node, chunk.siblings.map(nodeOf));
    assert.ok(rootOf(top).equals(root), `${chunk.path} folds to the root`);
    rootFold.add(chunk.path, node);
  }
  assert.ok(rootOf(rootFold.finish()).equals(root), "all tiles fold to the root");
}

const text = (value: string): Buffer => Buffer.from(value);

/** Three of these, and one largest value too many in each, fit into a block. */
const TRANSACTION_BYTES = 800_000;

test(`random stores, every version (seed ${seed})`, async () => {
  const random = new SeededRandom(seed);
  for (const keys of [1, 3, 40, 600]) {
    await using model = await ScanModel.open();
    const scans = new Scans();
    for (let block = 0; block < 8; block++) {
      const transactions = Array.from({ length: 1 + random.int(3) }, () => {
        const writes = new Map<number, Buffer | null>();
        let bytesLeft = TRANSACTION_BYTES;
        for (let n = random.int(keys) + 1; n > 0 && bytesLeft > 0; n--) {
          const bytes = random.chance(0.02) ? 150_000 : random.int(3_000);
          bytesLeft -= bytes;
          writes.set(random.int(keys), random.chance(0.25) ? null : random.bytes(bytes));
        }
        return [...writes].map(([key, value]): ModelWrite => [text(`key ${key}`), value]);
      });
      model.commit(...transactions);
    }
    for (const version of model.checkpoints) check(scans, model, version);
    assert.equal(countReadTransactions(model.store.env), 0);
    await scans.close();
  }
});

test("empty, one key, empty again", async () => {
  await using model = await ScanModel.open();
  const scans = new Scans();
  model.commit([[text("absent"), null]]);
  model.commit([[text("one"), text("")]]);
  model.commit([[text("one"), null]]);
  for (const version of model.checkpoints) check(scans, model, version);
  const [none] = framesOf(scans, model, { version: 0n });
  assert.equal(none?.frame, null);
  await scans.close();
});

test("keys with many versions, before and behind the one that is read", async () => {
  await using model = await ScanModel.open();
  const scans = new Scans();
  const cold = Array.from({ length: 50 }, (_, i): ModelWrite => [text(`cold ${i}`), text("c")]);
  model.commit(cold);
  for (let round = 0; round < 60; round++) {
    model.commit(
      Array.from({ length: 8 }, (_, i): ModelWrite => {
        const isGone = (round + i) % 11 === 0;
        return [text(`hot ${i}`), isGone ? null : text(`${round}`)];
      }),
    );
  }
  for (const version of model.checkpoints.filter((v) => v % 7n === 0n)) {
    check(scans, model, version);
  }
  await scans.close();
});

test("goes on behind a tile", async () => {
  await using model = await ScanModel.open();
  const scans = new Scans();
  const random = new SeededRandom(5);
  for (let block = 0; block < 12; block++) {
    model.commit(
      Array.from({ length: 250 }, (_, i): ModelWrite => [text(`${block} ${i}`), random.bytes(900)]),
    );
  }
  const version = model.checkpoints.at(-1) ?? 0n;
  const tiles = model.tiles(version);
  assert.ok(tiles.length > 100, `${tiles.length} tiles`);
  const all = framesOf(scans, model, { version, withProofs: false });
  assert.ok(all.length > 10, `${all.length} frames`);
  for (const [index, { path }] of tiles.entries()) {
    if (index % 9 !== 0 && index < tiles.length - 2) continue;
    const chunks = chunksOf(framesOf(scans, model, { version, after: path, withProofs: false }));
    assert.deepEqual(
      chunks.map((chunk) => chunk.path),
      tiles.slice(index + 1).map((tile) => tile.path),
    );
    assert.ok(chunks.every(({ siblings }) => siblings.length === 0));
  }
  await scans.close();
});

test("a job that is cancelled ends, and keeps no read transaction", async () => {
  await using model = await ScanModel.open();
  const scans = new Scans();
  const version = model.commit([[text("a"), text("b")]]);
  const generation = model.store.env.path;
  const of = { generation, version, after: "", withProofs: false, memory: [] };
  assert.throws(
    () => scans.run({ kind: "snapshot", ...of, tilesMax: null, framesMax: 1 }, () => true),
    (error) => error instanceof HoldfastError && error.reason === "CANCELLED",
  );
  assert.equal(countReadTransactions(model.store.env), 0);
  model.store.reader.refresh();
  assert.equal(countReadTransactions(model.store.env), 1, "an open one is counted");
  model.store.reader.release();
  await scans.close();
});

test("rows that are not those of the tree are data loss", async () => {
  await using model = await ScanModel.open();
  const scans = new Scans();
  const version = model.commit(
    Array.from({ length: 20 }, (_, i): ModelWrite => [text(`${i}`), text("v")]),
  );
  const { env } = model.store;
  const shard = env.state.find((rows) => [...rows.getKeys()].length > 1);
  assert.ok(shard);
  const [first] = [...shard.getKeys()];
  assert.ok(first);
  const item = shard.get(first);
  assert.ok(item);
  for (const row of [null, Buffer.concat([item, item])]) {
    if (row === null) shard.removeSync(first);
    else shard.putSync(first, row);
    assert.throws(
      () => framesOf(scans, model, { version }),
      (error) => error instanceof HoldfastError && error.reason === "ROW_CORRUPT",
    );
  }
  await scans.close();
});

test("a job fills no more than so many frames of the usual size, however large values are", async () => {
  await using model = await ScanModel.open();
  const scans = new Scans();
  const large = (name: string): ModelWrite => [Buffer.from(name), Buffer.alloc(900_000)];
  const version = model.commit([large("a")], [large("b")], [large("c")]);
  const of = { generation: model.store.env.path, version, after: "", withProofs: false };
  const job: SnapshotJob = { kind: "snapshot", ...of, tilesMax: null, framesMax: 4, memory: [] };
  const results = scans.run(job, () => false) as readonly FrameResult[];
  assert.equal(results.length, 1);
  assert.equal(results[0]?.isLast, false);
  await scans.close();
});
