// Goal: a frame packed by hand is, byte for byte, what the generated encoder makes.
// Method: random chunks of every shape, with wrong guesses of the body's length on purpose.
import { strict as assert } from "node:assert";
import test from "node:test";
import { backup, type types } from "@holdfast/api";
import { sha256, type TreeNode } from "@holdfast/merkle";
import { SeededRandom } from "@holdfast/testing";
import { bodyOf } from "../test-support/scan-model.js";
import { type ChunkField, ChunkFrame } from "./chunk-frame.js";

const seed = SeededRandom.seedFromEnvironment();

function randomNode(random: SeededRandom): TreeNode {
  switch (random.int(3)) {
    case 0:
      return { kind: "empty" };
    case 1:
      return { kind: "leaf", keyHash: random.bytes(32), valueHash: random.bytes(32) };
    default:
      return { kind: "inner", hash: random.bytes(32) };
  }
}

function message(node: TreeNode): types.TreeNode {
  switch (node.kind) {
    case "empty":
      return { kind: { $case: "empty", value: true } };
    case "leaf":
      return { kind: { $case: "leaf", value: node } };
    case "inner":
      return { kind: { $case: "inner", value: node.hash } };
  }
}

function randomItems(random: SeededRandom): types.StateItem[] {
  return Array.from({ length: 1 + random.int(20) }, () => ({
    key: random.bytes(1 + random.int(40)),
    value: random.bytes(random.pick([0, 1, 90, 130, 17_000])),
  }));
}

function packed(frame: ChunkFrame): Buffer {
  const { memory, offset, length } = frame.finish();
  return Buffer.from(memory, offset, length);
}

/** Guesses that are right, far too small and far too large. */
const guesses = (length: number): readonly number[] => [length, 0, 127, 128, 20_000, 3_000_000];

test(`snapshot frames (seed ${seed})`, () => {
  const random = new SeededRandom(seed);
  for (let round = 0; round < 60; round++) {
    const frame = new ChunkFrame(4_000_000, round % 2 === 0 ? null : new ArrayBuffer(5_000_000));
    const chunks: backup.StateChunk[] = [];
    for (let n = 1 + random.int(4); n > 0; n--) {
      const items = randomItems(random);
      const body = bodyOf(items);
      const path = random
        .bytes(32)
        .toString("hex")
        .slice(0, 1 + random.int(64));
      const node = randomNode(random);
      const siblings = Array.from({ length: random.int(30) }, () => randomNode(random));
      const fields: ChunkField[] = [
        { field: 1, kind: "path", path },
        { field: 2, kind: "node", node },
        { field: 3, kind: "number", value: items.length },
        { field: 4, kind: "chunkId", idOf: sha256 },
        ...siblings.map((sibling): ChunkField => ({ field: 5, kind: "node", node: sibling })),
      ];
      const bytes = frame.add(fields, random.pick(guesses(body.length)), (target, at) => {
        target.set(body, at);
        return at + body.length;
      });
      assert.equal(bytes, body.length);
      chunks.push({
        path,
        node: message(node),
        itemCount: BigInt(items.length),
        chunkId: sha256(body),
        siblings: siblings.map(message),
        items,
      });
    }
    const expected = backup.StreamStateSnapshotResponse.encode({
      part: { $case: "chunks", value: { chunks } },
    }).finish();
    assert.ok(packed(frame).equals(expected), `round ${round}`);
  }
});

test(`delta frames (seed ${seed})`, () => {
  const random = new SeededRandom(seed);
  for (let round = 0; round < 60; round++) {
    const frame = new ChunkFrame(4_000_000, null);
    const chunks: backup.DeltaChunk[] = [];
    for (let n = 1 + random.int(5); n > 0; n--) {
      const changes = Array.from({ length: random.int(3) }, () => randomChange(random));
      const frontier: backup.FrontierStep[] = [{ step: { $case: "end", value: true } }];
      const isChanged = changes.length > 0;
      const whole = {
        ...backup.DeltaChunk.decode(Buffer.alloc(0)),
        changes,
        frontier: isChanged ? frontier : [],
      };
      const body = Buffer.from(backup.DeltaChunk.encode(whole).finish());
      const nodes = { from: randomNode(random), to: randomNode(random) };
      const numbers = {
        items: random.pick([0, 1, 300, 2 ** 31, 2 ** 40 + 5]),
        bytes: random.pick([0, 100, 131_072, 2 ** 35]),
      };
      const path = random.bytes(4).toString("hex");
      const all: ChunkField[] = [
        { field: 1, kind: "path", path },
        { field: 2, kind: "node", node: nodes.from },
        { field: 3, kind: "node", node: nodes.to },
        { field: 4, kind: "number", value: changes.length },
        { field: 5, kind: "chunkId", idOf: sha256 },
        { field: 6, kind: "number", value: numbers.items },
        { field: 7, kind: "number", value: numbers.bytes },
      ];
      const fields = isChanged ? all : all.filter(({ field }) => ![2, 4, 5].includes(field));
      frame.add(fields, random.pick(guesses(body.length)), (target, at) => {
        target.set(body, at);
        return at + body.length;
      });
      chunks.push({
        ...whole,
        path,
        fromNode: isChanged ? message(nodes.from) : undefined,
        toNode: message(nodes.to),
        changeCount: BigInt(changes.length),
        chunkId: isChanged ? sha256(body) : Buffer.alloc(0),
        items: BigInt(numbers.items),
        bytes: BigInt(numbers.bytes),
      });
    }
    const expected = backup.StreamStateChangesResponse.encode({
      part: { $case: "chunks", value: { chunks } },
    }).finish();
    assert.ok(packed(frame).equals(expected), `round ${round}`);
  }
});

function randomChange(random: SeededRandom): backup.StateChange {
  if (random.chance(0.5)) {
    const value = { keyHash: random.bytes(32), oldValueHash: random.bytes(32) };
    return { change: { $case: "delete", value } };
  }
  const item = { key: random.bytes(9), value: random.bytes(random.int(200)) };
  const oldValueHash = random.chance(0.5) ? random.bytes(32) : undefined;
  return { change: { $case: "put", value: { item, oldValueHash } } };
}
