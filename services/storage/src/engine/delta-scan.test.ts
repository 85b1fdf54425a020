// Goal: a delta holds exactly the difference of two states, whatever led from one to the other,
// tiled as defined; every tile folds to both its nodes, and all of them to both roots; and byte
// for byte what the generated encoder makes.
// Method: random chains and the awkward cases by name, against plain maps.
import { strict as assert } from "node:assert";
import test from "node:test";
import { backup } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import {
  chunkId,
  type DeltaChange,
  encodeStateItem,
  foldDeltaChunk,
  nodesEqual,
  rootOf,
  sha256,
  TileRootFold,
  type TreeNode,
} from "@holdfast/merkle";
import { SeededRandom } from "@holdfast/testing";
import { memoryIn } from "../state/gathered-changes.js";
import type { ModelWrite } from "../test-support/ledger-model.js";
import { ScanModel } from "../test-support/scan-model.js";
import { ChangesAhead } from "./changes-ahead.js";
import type { ChangesJob, ChangesResult } from "./scan-job.js";
import { Scans } from "./scans.js";
import { shardOf, stateKey } from "./schema.js";

const seed = SeededRandom.seedFromEnvironment();
const TAGS_OF_BODY = { changes: 8, frontier: 9 } as const;

/** Frames that were filled ahead and used, in all tests so far. */
let taken = 0;
const take = ChangesAhead.prototype.take;
ChangesAhead.prototype.take = function (job) {
  const filled = take.call(this, job);
  if (filled !== null) taken++;
  return filled;
};

interface Tile {
  readonly chunk: backup.DeltaChunk;
  /** Fields `changes` and `frontier` as on the wire. */
  readonly body: Buffer;
}

/**
 * All tiles of a delta behind `after`, each job run as if by another thread, its frames in used
 * memory; or by one that goes ahead of its jobs.
 */
function tilesOf(
  scans: Scans,
  { store }: ScanModel,
  { from, to, after = "" }: { from: bigint; to: bigint; after?: string },
  goesAhead = false,
): Tile[] {
  const tiles: Tile[] = [];
  let job: ChangesJob = {
    kind: "changes",
    generation: store.env.path,
    fromVersion: from,
    version: to,
    after,
    gathered: null,
    framesMax: 1,
    memory: [],
  };
  for (let jobs = 0; ; jobs++) {
    job = { ...job, framesMax: goesAhead ? 2 : 1 + (jobs % 3) };
    const results = scans.run(job, () => false) as readonly ChangesResult[];
    assert.ok(results.length <= job.framesMax, "no more frames than asked for");
    for (const result of results) if (result.frame !== null) tiles.push(...unpack(result));
    const last = results.at(-1);
    assert.ok(last !== undefined);
    if (last.isLast) return tiles;
    const isProgress = last.last !== job.after || last.gathered !== job.gathered;
    assert.ok(isProgress, "each job goes on");
    const filled = results.flatMap(({ frame }) => (frame === null ? [] : [frame.memory]));
    // What goes over to another thread is lost for this one.
    const transfer = [...filled, ...(last.gathered === null ? [] : memoryIn(last.gathered))];
    const [gathered, memory] = structuredClone([last.gathered, filled] as const, { transfer });
    if (goesAhead) scans.goAhead();
    job = { ...job, after: last.last, gathered, memory };
  }
}

function unpack({ frame, ...sum }: ChangesResult): Tile[] {
  assert.ok(frame);
  // A copy: the memory is filled again.
  const bytes = Buffer.from(new Uint8Array(frame.memory, frame.offset, frame.length));
  const { part } = backup.StreamStateChangesResponse.decode(bytes);
  assert.ok(part?.$case === "chunks");
  const again = backup.StreamStateChangesResponse.encode({ part }).finish();
  assert.ok(bytes.equals(again), "the frame is what the generated encoder makes");
  const { chunks } = part.value;
  assert.equal(sum.tiles, chunks.length);
  assert.equal(sum.last, chunks.at(-1)?.path);
  const changed = chunks.filter(({ changeCount }) => changeCount > 0n);
  assert.equal(sum.bodies, changed.length);
  assert.equal(
    sum.items,
    chunks.reduce((items, { changes }) => items + changes.length, 0),
  );
  assert.deepEqual(Buffer.from(sum.chunkIds), Buffer.concat(changed.map((c) => c.chunkId)));
  const tiles = chunks.map((chunk) => ({ chunk, body: bodyOf(chunk) }));
  assert.equal(
    sum.bytes,
    tiles.reduce((total, { body }) => total + body.length, 0),
  );
  return tiles;
}

/** The encoding of a message with nothing but the body is the body. */
function bodyOf(chunk: backup.DeltaChunk): Buffer {
  const { changes, frontier } = chunk;
  assert.deepEqual(TAGS_OF_BODY, { changes: 8, frontier: 9 });
  const nothing = backup.DeltaChunk.decode(Buffer.alloc(0));
  return Buffer.from(backup.DeltaChunk.encode({ ...nothing, changes, frontier }).finish());
}

function nodeOf(message: backup.DeltaChunk["toNode"]): TreeNode {
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

function plain(change: DeltaChange): readonly unknown[] {
  const old = change.oldValueHash?.toString("hex") ?? null;
  const item = change.kind === "put" ? change.item.length : null;
  return [change.keyHash.toString("hex"), item, old];
}

/** Holds the delta of two versions against the model. */
function check(scans: Scans, model: ScanModel, from: bigint, to: bigint): Tile[] {
  const tiles = tilesOf(scans, model, { from, to });
  assert.deepEqual(
    tiles.map(({ chunk }) => chunk.path),
    model.deltaPaths(from, to),
    `tiles ${from} to ${to}`,
  );
  assert.deepEqual(tilesOf(scans, model, { from, to }, true), tiles, "the same when gone ahead");
  const folds = { from: new TileRootFold(), to: new TileRootFold() };
  const changes: unknown[] = [];
  const items = model.items(to);
  for (const { chunk, body } of tiles) {
    const under = items.filter(({ keyHash }) => keyHash.startsWith(chunk.path));
    assert.equal(chunk.items, BigInt(under.length));
    assert.equal(chunk.bytes, BigInt(under.reduce((sum, { bytes }) => sum + bytes, 0)));
    const toNode = nodeOf(chunk.toNode);
    folds.to.add(chunk.path, toNode);
    if (chunk.changes.length === 0) {
      assert.equal(chunk.fromNode, undefined);
      assert.equal(chunk.chunkId.length, 0);
      assert.equal(body.length, 0);
      folds.from.add(chunk.path, toNode);
      continue;
    }
    assert.deepEqual(chunk.chunkId, chunkId(body));
    assert.equal(chunk.changeCount, BigInt(chunk.changes.length));
    const folded = foldDeltaChunk(chunk.path, body);
    assert.ok(nodesEqual(folded.fromNode, nodeOf(chunk.fromNode)));
    assert.ok(nodesEqual(folded.toNode, toNode));
    folds.from.add(chunk.path, folded.fromNode);
    changes.push(...folded.changes.map(plain));
  }
  assert.deepEqual(
    changes,
    model.changes(from, to).map(({ keyHash, item, old }) => [keyHash, item?.bytes ?? null, old]),
    `changes ${from} to ${to}`,
  );
  assert.ok(rootOf(folds.from.finish()).equals(model.root(from)), "folds to the earlier root");
  assert.ok(rootOf(folds.to.finish()).equals(model.root(to)), "folds to the later root");
  return tiles;
}

const text = (value: string): Buffer => Buffer.from(value);
const puts = (keys: readonly string[], value: string): ModelWrite[] =>
  keys.map((key) => [text(key), text(value)]);
const deletes = (keys: readonly string[]): ModelWrite[] => keys.map((key) => [text(key), null]);
const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix} ${index}`);

test(`random chains, every pair of versions (seed ${seed})`, async () => {
  const random = new SeededRandom(seed);
  for (const [keys, valueBytes] of [
    [2, 30],
    [40, 300],
    [500, 3_000],
  ] as const) {
    await using model = await ScanModel.open();
    const scans = new Scans();
    for (let block = 0; block < 7; block++) {
      const transactions = Array.from({ length: 1 + random.int(3) }, () => {
        const writes = new Map<number, Buffer | null>();
        for (let n = random.int(keys) + 1; n > 0; n -= 1 + random.int(4)) {
          const value = Buffer.alloc(random.int(valueBytes), random.int(3));
          writes.set(random.int(keys), random.chance(0.35) ? null : value);
        }
        return [...writes].map(([key, value]): ModelWrite => [text(`key ${key}`), value]);
      });
      model.commit(...transactions);
    }
    const versions = model.checkpoints;
    for (const [index, from] of versions.entries()) {
      for (const to of versions.slice(index)) check(scans, model, from, to);
    }
    await scans.close();
  }
});

test("awkward differences", async () => {
  await using model = await ScanModel.open();
  const scans = new Scans();
  const keys = names("key", 300);
  const steps: Readonly<Record<string, readonly ModelWrite[]>> = {
    "the empty state": deletes(["nothing"]),
    "all at once": puts(keys, "first"),
    overwrites: puts(keys.slice(0, 40), "second"),
    "nothing at all": deletes(["nothing"]),
    "deletes that collapse siblings": deletes(keys.slice(20, 290)),
    "deleted and added again": puts(keys.slice(20, 290), "first"),
    "the last key of each shard": deletes(keys.slice(3)),
    "all deleted": deletes(keys),
    "one key": puts(["single"], "1"),
    "another key instead": [...deletes(["single"]), ...puts(["other"], "1")],
  };
  for (const writes of Object.values(steps)) model.commit(writes);
  model.commit(puts(["between"], "x"), deletes(["between"]));
  model.commit(puts(["other"], "2"), puts(["other"], "1"));
  const versions = model.checkpoints;
  for (const [index, from] of versions.entries()) {
    for (const to of versions.slice(index)) check(scans, model, from, to);
  }
  await scans.close();
});

test("put and deleted, or changed and changed back, leaves no trace", async () => {
  await using model = await ScanModel.open();
  const scans = new Scans();
  const from = model.commit(puts(names("key", 200), "v"));
  model.commit(puts(["key 7", "new"], "w"));
  const to = model.commit([...puts(["key 7"], "v"), ...deletes(["new"])]);
  const tiles = check(scans, model, from, to);
  assert.ok(tiles.length > 0);
  assert.ok(tiles.every(({ chunk }) => chunk.changes.length === 0));
  await scans.close();
});

test("many deleted keys make small tiles", async () => {
  await using model = await ScanModel.open();
  const scans = new Scans();
  const keys = names("key", 40_000);
  for (let at = 0; at < keys.length; at += 10_000) {
    model.commit(puts(keys.slice(at, at + 10_000), ""));
  }
  const from = model.checkpoints.at(-1) ?? 0n;
  for (let at = 0; at < keys.length; at += 20_000) {
    model.commit(deletes(keys.slice(at, at + 19_999)));
  }
  const tiles = check(scans, model, from, model.checkpoints.at(-1) ?? 0n);
  assert.ok(tiles.length > 200, `${tiles.length} tiles`);
  await scans.close();
});

test("frames filled ahead are used, and are the same", async () => {
  await using model = await ScanModel.open();
  const scans = new Scans();
  const keys = names("key", 16_000);
  const from = model.commit(puts(keys, "1"));
  let to = from;
  for (let at = 0; at < keys.length; at += 4_000) {
    to = model.commit(puts(keys.slice(at, at + 4_000), "2".repeat(400)));
  }
  const before = taken;
  assert.deepEqual(tilesOf(scans, model, { from, to }, true), tilesOf(scans, model, { from, to }));
  assert.ok(taken - before > 10, `${taken - before} frames`);
  await scans.close();
});

test("goes on behind a tile", async () => {
  await using model = await ScanModel.open();
  const scans = new Scans();
  const random = new SeededRandom(3);
  for (let block = 0; block < 8; block++) {
    model.commit(
      Array.from(
        { length: 150 },
        (_, i): ModelWrite => [text(`${block} ${i}`), random.bytes(2_500)],
      ),
    );
  }
  const from = model.checkpoints.at(-1) ?? 0n;
  const to = model.commit([
    ...puts(names("1", 150), "small"),
    ...deletes(names("5", 120)),
    ...names("8", 90).map((key): ModelWrite => [text(key), random.bytes(2_000)]),
  ]);
  const all = check(scans, model, from, to);
  assert.ok(all.length > 50, `${all.length} tiles`);
  for (const [index, { chunk }] of all.entries()) {
    if (index % 7 !== 0 && index < all.length - 2) continue;
    const rest = tilesOf(scans, model, { from, to, after: chunk.path });
    assert.deepEqual(
      rest.map(({ chunk: { path, chunkId: id } }) => [path, id]),
      all.slice(index + 1).map(({ chunk: { path, chunkId: id } }) => [path, id]),
    );
  }
  await scans.close();
});

test("a journal that does not reach back is VERSION_PRUNED", async () => {
  await using model = await ScanModel.open();
  const scans = new Scans();
  const from = model.commit(puts(["a"], "1"));
  const to = model.commit(puts(["a"], "2"));
  const { env } = model.store;
  env.meta.putSync(Buffer.from("oldest_journal"), version8(to));
  assert.throws(
    () => tilesOf(scans, model, { from, to }),
    (error) => error instanceof HoldfastError && error.reason === "VERSION_PRUNED",
  );
  await scans.close();
});

test("a base whose tree is pruned gives the same delta, from the journal alone", async () => {
  await using model = await ScanModel.open();
  const random = new SeededRandom(seed);
  const some = (): string[] => [
    ...new Set(Array.from({ length: 300 }, () => `${random.int(900)}`)),
  ];
  const from = model.commit(puts(some(), "1"));
  model.commit(puts(some(), "2"));
  const to = model.commit(puts(some(), "3"));
  const { env } = model.store;
  const before = new Scans();
  const whole = tilesOf(before, model, { from, to });
  await before.close();
  env.meta.putSync(Buffer.from("oldest_state"), version8(to));
  env.checkpoints.removeSync(version8(from));
  const after = new Scans();
  assert.deepEqual(tilesOf(after, model, { from, to }), whole);
  await after.close();
});

test("a row that is not what the tree says, or is missing, is ROW_CORRUPT", async () => {
  for (const damaged of [encodeStateItem(text("a"), text("x")), Buffer.from("no item"), null]) {
    await using model = await ScanModel.open();
    const scans = new Scans();
    const from = model.commit(puts(["a", "b"], "1"));
    const to = model.commit(puts(["a", "b"], "2"));
    const keyHash = sha256(text("a"));
    const rows = model.store.env.state[shardOf(keyHash)];
    if (damaged === null) rows?.removeSync(stateKey(keyHash, to));
    else rows?.putSync(stateKey(keyHash, to), damaged);
    assert.throws(
      () => tilesOf(scans, model, { from, to }),
      (error) => error instanceof HoldfastError && error.reason === "ROW_CORRUPT",
    );
    await scans.close();
  }
});

function version8(version: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(version);
  return bytes;
}
