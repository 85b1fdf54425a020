// Goal: frames are read as the generated decoder reads them, without decoding their items.
import assert from "node:assert/strict";
import test from "node:test";
import { backup, types } from "@holdfast/api";
import { chunkItems, sha256 } from "@holdfast/merkle";
import { readDeltaFrame, readFullFrame } from "./frames.js";
import { nodeAt } from "./node-at.js";
import { measureItems } from "./wire-fields.js";

const hash = (text: string): Buffer => sha256(Buffer.from(text));
const inner = { kind: { $case: "inner", value: hash("inner") } } as const;
const leaf = {
  kind: { $case: "leaf", value: { keyHash: hash("key"), valueHash: hash("value") } },
} as const;

function frame(part: backup.StreamStateSnapshotResponse["part"]): Buffer {
  return Buffer.from(backup.StreamStateSnapshotResponse.encode({ part }).finish());
}

test("chunks of a snapshot", () => {
  const items = Array.from({ length: 300 }, (_, index) => ({
    key: Buffer.from(`key ${index}`),
    value: Buffer.alloc(index * 7),
  }));
  const chunk = (path: string, count: number): backup.StateChunk => ({
    path,
    node: inner,
    itemCount: BigInt(count),
    chunkId: hash(path),
    siblings: [leaf, inner],
    items: items.slice(0, count),
  });
  const bytes = frame({ $case: "chunks", value: { chunks: [chunk("0a", 300), chunk("0b", 1)] } });
  const read = readFullFrame(bytes);
  assert.ok(read.kind === "tiles");
  assert.deepEqual(
    read.tiles.map(({ path, items: count, chunkId: { start, end } }) => [
      path,
      count,
      bytes.subarray(start, end),
    ]),
    [
      ["0a", 300, hash("0a")],
      ["0b", 1, hash("0b")],
    ],
  );
  const [first] = read.tiles;
  assert.ok(first !== undefined);
  assert.deepEqual(nodeAt(bytes, first.node), { kind: "inner", hash: hash("inner") });
  const body = bytes.subarray(first.body.start, first.body.end);
  const starts = [...chunkItems(body)];
  assert.equal(starts.length, 300);
  const sum = starts.reduce((total, { start, end }) => total + end - start, 0);
  assert.deepEqual(measureItems(body), { items: 300, bytes: sum });
});

test("header, heartbeat and trailer", () => {
  const trailer = { tiles: 1n, items: 2n, bytes: 3n, sha256: hash("trailer") };
  const read = readFullFrame(frame({ $case: "trailer", value: trailer }));
  assert.deepEqual(read, { kind: "trailer", trailer });
  const heartbeat = backup.HeartbeatReason.WAITING_FOR_WORKER;
  const beat = readFullFrame(frame({ $case: "heartbeat", value: { reason: heartbeat } }));
  assert.deepEqual(beat, { kind: "heartbeat" });
});

test("chunks of a delta, changed and unchanged", () => {
  const changed: backup.DeltaChunk = {
    path: "3",
    fromNode: { kind: { $case: "empty", value: true } },
    toNode: leaf,
    changeCount: 1n,
    chunkId: hash("3"),
    items: 1n,
    bytes: 12n,
    changes: [
      { change: { $case: "delete", value: { keyHash: hash("a"), oldValueHash: hash("b") } } },
    ],
    frontier: [{ step: { $case: "end", value: true } }],
  };
  const unchanged: backup.DeltaChunk = {
    path: "4",
    fromNode: undefined,
    toNode: inner,
    changeCount: 0n,
    chunkId: Buffer.alloc(0),
    items: 5n,
    bytes: 50n,
    changes: [],
    frontier: [],
  };
  const message: backup.StreamStateChangesResponse = {
    part: { $case: "chunks", value: { chunks: [changed, unchanged] } },
  };
  const bytes = Buffer.from(backup.StreamStateChangesResponse.encode(message).finish());
  const read = readDeltaFrame(bytes);
  assert.ok(read.kind === "tiles");
  const [first, second] = read.tiles;
  assert.ok(first?.body && first.from && second !== undefined);
  assert.deepEqual(nodeAt(bytes, first.from), { kind: "empty" });
  assert.deepEqual(nodeAt(bytes, first.to), {
    kind: "leaf",
    keyHash: hash("key"),
    valueHash: hash("value"),
  });
  assert.deepEqual(bytes.subarray(first.chunkId.start, first.chunkId.end), hash("3"));
  assert.equal(first.changes, 1);
  const body = bytes.subarray(first.body.start, first.body.end);
  const again = backup.DeltaChunk.decode(body);
  assert.equal(again.changes.length, 1);
  assert.equal(again.frontier.length, 1);
  assert.equal(second.body, null);
  assert.equal(second.from, null);
  assert.deepEqual([second.items, second.bytes], [5, 50]);
});

test("bytes that are no frame", () => {
  const good = frame({
    $case: "chunks",
    value: {
      chunks: [
        {
          path: "0",
          node: inner,
          itemCount: 1n,
          chunkId: hash("0"),
          siblings: [],
          items: [{ key: Buffer.from("k"), value: Buffer.from("v") }],
        },
      ],
    },
  });
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from([0xff]),
    good.subarray(0, -1),
    Buffer.concat([good, good]),
  ]) {
    assert.throws(() => readFullFrame(bytes), { reason: "INTERNAL" }, bytes.toString("hex"));
  }
  assert.throws(() => measureItems(Buffer.from([0x32, 9, 1])), { reason: "INTERNAL" });
  assert.throws(() => measureItems(Buffer.from([0x3a, 0])), { reason: "INTERNAL" });
});

test("a node that is none", () => {
  const encoded = (node: types.TreeNode): Buffer =>
    Buffer.from(types.TreeNode.encode(node).finish());
  const hashes = { keyHash: hash("key"), valueHash: hash("value") };
  for (const bytes of [
    Buffer.alloc(0),
    encoded({ kind: { $case: "inner", value: hash("inner").subarray(1) } }),
    encoded({ kind: { $case: "leaf", value: { ...hashes, keyHash: Buffer.alloc(0) } } }),
    encoded({ kind: { $case: "leaf", value: { ...hashes, valueHash: Buffer.alloc(33) } } }),
    encoded({ kind: { $case: "empty", value: false } }),
  ]) {
    const span = { start: 0, end: bytes.length };
    assert.throws(() => nodeAt(bytes, span), { reason: "PROOF_INVALID" }, bytes.toString("hex"));
  }
});
