// Goal: a chunk folds to the node the tree has at its path, and only the right bytes do.
// Method: the recursive model of the tree; every bit of a small chunk flipped; wrong forms by hand.
// All of it for both ways of folding, breadth-first in batches and item by item.
import assert from "node:assert/strict";
import test from "node:test";
import { ChunkBatch } from "./chunk-batch.js";
import { foldChunkInSteps } from "./chunk-steps.js";
import { chunkId, chunkItems, type FoldedTree, foldChunk, foldTree, nodesEqual } from "./index.js";
import { RecordedTree } from "./recorded-tree.js";
import {
  leavesUnder,
  type ModelItem,
  modelBody,
  modelHash,
  modelItem,
  modelItems,
  modelNode,
  pathBits,
} from "./test-support/model-tree.js";

const PROOF_INVALID = { reason: "PROOF_INVALID" };

type Fold = typeof foldTree;

const batch = ChunkBatch.create() ?? assert.fail("this machine has no SIMD: nothing to test");
const folds: readonly (readonly [string, Fold])[] = [
  ["in batches", (path, body) => batch.fold(path, body) ?? assert.fail("too large")],
  ["in steps", foldTreeInSteps],
];

for (const [how, fold] of folds) testFold(how, fold);

function foldTreeInSteps(path: string, body: Buffer): FoldedTree {
  const record = new RecordedTree();
  return record.finish(foldChunkInSteps(path, body, record));
}

/** A copy of a hash of the tree. */
function hashOf({ memory }: FoldedTree, at: number): Buffer {
  return Buffer.from(Buffer.from(memory.buffer, memory.byteOffset + at, 32));
}

interface Inner {
  readonly depth: number;
  readonly lastItem: number;
  readonly hash: Buffer;
}

/** The inner nodes under `bits`, children before parents and left before right. */
function modelInners(items: readonly ModelItem[], bits: string): Inner[] {
  const under = leavesUnder(items, bits);
  const last = under.at(-1);
  const node = modelNode(under, bits);
  if (node.kind !== "inner" || last === undefined) return [];
  return [
    ...modelInners(items, `${bits}0`),
    ...modelInners(items, `${bits}1`),
    { depth: bits.length, lastItem: items.indexOf(last), hash: node.hash },
  ];
}

test("chunkItems finds keys and values", () => {
  const items = modelItems("items", 50);
  const body = modelBody(items);
  const found = [...chunkItems(body)].map(({ start, end, keyStart, keyEnd, valueStart }) => ({
    item: body.subarray(start, end),
    key: body.subarray(keyStart, keyEnd),
    value: body.subarray(valueStart, end),
  }));
  assert.deepEqual(
    found,
    items.map(({ item, key, value }) => ({ item, key, value })),
  );
  assert.deepEqual(chunkId(body), modelHash(body));
});

test("both ways give the same for chunks of many sizes, and foldChunk too", () => {
  for (let count = 0; count < 40; count++) {
    const body = modelBody(modelItems(`same ${count}`, 3 * count, 30 * count));
    const expected = foldChunkInSteps("", body);
    assert.deepEqual(foldChunk("", body), expected, `${3 * count} items`);
  }
});

test("a chunk after a refused one is not disturbed", () => {
  const items = modelItems("after", 40, 500);
  const body = modelBody(items);
  for (const cut of [1, 700, 5_000, body.length - 1]) {
    assert.throws(() => batch.fold("", body.subarray(0, cut)), PROOF_INVALID);
    assert.deepEqual(batch.fold("", body)?.node, modelNode(items, ""));
  }
});

test("hashes a refused chunk still had to compute are forgotten", () => {
  // They would be written over the short value's hash: longer messages are hashed last.
  const [long, short] = [modelItems("long", 1, 0), modelItems("short", 1, 0)];
  const [item] = long.map(({ key }) => modelItem(key, Buffer.alloc(250, 1)));
  assert.ok(item !== undefined);
  const cut = Buffer.concat([modelBody([item]), Buffer.of(0x32)]);
  assert.throws(() => batch.fold("", cut), PROOF_INVALID);
  assert.deepEqual(batch.fold("", modelBody(short))?.node, modelNode(short, ""));
});

test("what is too large for a batch is folded in steps", () => {
  const items = modelItems("many", 33_000, 0);
  const body = modelBody(items);
  assert.equal(batch.fold("", body), null);
  assert.deepEqual(foldChunk("", body), foldChunkInSteps("", body));
  const tree = foldTree("", body);
  assert.equal(tree.items, 33_000);
  const last = items.at(-1);
  assert.deepEqual(hashOf(tree, tree.keyHashAt(32_999)), last?.keyHash);
  const large = Buffer.concat(Array<Buffer>(3).fill(modelBody(modelItems("1 MiB", 1, 1 << 20))));
  if (large.length > 1 << 21) assert.equal(batch.fold("", large), null);
});

function testFold(how: string, fold: Fold): void {
  test(`folds to the node of the model at every path of up to two nibbles, ${how}`, () => {
    for (const count of [0, 1, 2, 3, 17, 300]) {
      const items = modelItems(`fold ${count}`, count);
      for (const path of ["", "0", "7", "f", "00", "a3", "ff"]) {
        const under = leavesUnder(items, pathBits(path));
        const folded = fold(path, modelBody(under));
        assert.deepEqual(
          folded.node,
          modelNode(items, pathBits(path)),
          `${count} items at ${path}`,
        );
        assert.equal(folded.items, under.length);
        assert.equal(
          folded.bytes,
          under.reduce((sum, { item }) => sum + item.length, 0),
        );
      }
    }
  });

  test(`folds values of every length around the blocks of SHA-256, ${how}`, () => {
    const items = modelItems("lengths", 600, 300);
    assert.deepEqual(fold("", modelBody(items)).node, modelNode(items, ""));
  });

  test(`folds one item of the largest size, ${how}`, () => {
    const [item] = modelItems("large", 1, 1 << 20);
    assert.ok(item !== undefined);
    const path = item.keyHash.toString("hex").slice(0, 1);
    const { keyHash, valueHash } = item;
    assert.deepEqual(fold(path, modelBody([item])).node, { kind: "leaf", keyHash, valueHash });
  });

  test(`the tree has every item with its hashes, ${how}`, () => {
    const items = modelItems("items", 500, 250);
    const body = modelBody(items);
    const tree = fold("", body);
    assert.equal(tree.items, items.length);
    for (const [i, { keyHash, valueHash, item }] of items.entries()) {
      const at = tree.keyHashAt(i);
      assert.deepEqual(hashOf(tree, at), keyHash, `key hash of item ${i}`);
      assert.deepEqual(hashOf(tree, at + 32), valueHash, `value hash of item ${i}`);
      assert.deepEqual(body.subarray(tree.itemStart(i), tree.itemEnd(i)), item, `item ${i}`);
    }
  });

  test(`the tree has every inner node in post-order, ${how}`, () => {
    for (const [count, path] of [
      [1, "a"],
      [2, ""],
      [500, ""],
      [500, "7"],
    ] as const) {
      const items = leavesUnder(modelItems(`inners ${count}`, count), pathBits(path));
      const tree = fold(path, modelBody(items));
      const seen: Inner[] = Array.from({ length: tree.inners }, (_, inner) => ({
        depth: tree.depth(inner),
        lastItem: tree.lastItem(inner),
        hash: hashOf(tree, tree.hashAt(inner)),
      }));
      assert.deepEqual(seen, modelInners(items, pathBits(path)), `${count} items under "${path}"`);
    }
  });

  test(`a flipped bit anywhere is refused or folds to another node, ${how}`, () => {
    const body = modelBody(modelItems("flip", 6, 70));
    const { node } = fold("", body);
    for (let bit = 0; bit < 8 * body.length; bit++) {
      const damaged = Buffer.from(body);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      let folded: FoldedTree;
      try {
        folded = fold("", damaged);
      } catch (error) {
        assert.equal(
          (error as { reason?: string }).reason,
          "PROOF_INVALID",
          `bit ${bit}: ${error}`,
        );
        continue;
      }
      assert.ok(!nodesEqual(folded.node, node), `bit ${bit} makes no difference`);
    }
  });

  test(`items elsewhere, out of order, repeated or badly framed are refused, ${how}`, () => {
    const items = modelItems("wrong", 12);
    const body = modelBody(items);
    const [first, second] = items;
    assert.ok(first !== undefined && second !== undefined);
    const path = first.keyHash.toString("hex").slice(0, 3);
    const wrong: Readonly<Record<string, readonly [string, Buffer]>> = {
      "behind the path": [path, modelBody([first, second])],
      "before the path": [second.keyHash.toString("hex").slice(0, 3), modelBody([first, second])],
      "out of order": ["", modelBody([second, first])],
      repeated: ["", modelBody([first, first])],
      "another tag": ["", Buffer.concat([Buffer.from([0x3a]), body.subarray(1)])],
      "cut off": ["", body.subarray(0, -1)],
      "a tag at the end": ["", Buffer.concat([body, Buffer.from([0x32])])],
      "a long form of a length": [
        "",
        Buffer.concat([Buffer.from([0x32, first.item.length | 0x80, 0x00]), first.item]),
      ],
      "an item without a key": ["", Buffer.from([0x32, 0x00])],
    };
    for (const [what, [at, bytes]] of Object.entries(wrong)) {
      assert.throws(() => fold(at, bytes), PROOF_INVALID, what);
    }
  });
}
