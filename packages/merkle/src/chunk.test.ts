// Goal: a chunk folds to the node the tree has at its path, and only the right bytes do.
// Method: the recursive model of the tree; every bit of a small chunk flipped; wrong forms by hand.
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { AscendingFold } from "./ascending-fold.js";
import { chunkId, chunkItems, foldChunk, nodesEqual, sha256 } from "./index.js";
import {
  ascending,
  hashOfBits,
  leavesUnder,
  modelBody,
  modelHash,
  modelItems,
  modelNode,
  pathBits,
} from "./model-tree.test-support.js";

const PROOF_INVALID = { reason: "PROOF_INVALID" };

test("folds to the node of the model at every path of up to two nibbles", () => {
  for (const count of [0, 1, 2, 3, 17, 300]) {
    const items = modelItems(`fold ${count}`, count);
    for (const path of ["", "0", "7", "f", "00", "a3", "ff"]) {
      const under = leavesUnder(items, pathBits(path));
      const folded = foldChunk(path, modelBody(under));
      assert.deepEqual(folded.node, modelNode(items, pathBits(path)), `${count} items at ${path}`);
      assert.equal(folded.items, under.length);
      assert.equal(
        folded.bytes,
        under.reduce((sum, { item }) => sum + item.length, 0),
      );
    }
  }
});

test("folds values of every length around the blocks of SHA-256", () => {
  const items = modelItems("lengths", 600, 300);
  assert.deepEqual(foldChunk("", modelBody(items)).node, modelNode(items, ""));
});

test("folds one item of the largest size", () => {
  const [item] = modelItems("large", 1, 1 << 20);
  assert.ok(item !== undefined);
  const path = item.keyHash.toString("hex").slice(0, 1);
  const { keyHash, valueHash } = item;
  assert.deepEqual(foldChunk(path, modelBody([item])).node, { kind: "leaf", keyHash, valueHash });
});

test("the fold of ascending leaves equals the model for hashes that share many bits", () => {
  const bits = fc.array(fc.constantFrom("0", "1"), { maxLength: 6 }).map((b) => b.join(""));
  const stem = fc.constantFrom("", "1", "0110", "1".repeat(40), "0".repeat(200), "01".repeat(124));
  const leaf = fc.tuple(stem, bits).map(([head, tail]) => {
    const keyHash = hashOfBits(head + tail);
    return { keyHash, valueHash: modelHash("value", keyHash) };
  });
  fc.assert(
    fc.property(
      fc.uniqueArray(leaf, { selector: ({ keyHash }) => keyHash.toString("hex"), maxLength: 24 }),
      (leaves) => {
        const fold = new AscendingFold();
        for (const { keyHash, valueHash } of ascending(leaves)) fold.push(keyHash, valueHash);
        assert.deepEqual(fold.finish(0), modelNode(leaves, ""));
      },
    ),
  );
});

test("onItem sees every item with its hashes, which stay as they are", () => {
  const items = modelItems("onItem", 500, 250);
  const body = modelBody(items);
  const seen: { keyHash: Buffer; valueHash: Buffer; item: Buffer }[] = [];
  foldChunk("", body, (keyHash, valueHash, start, end) => {
    seen.push({ keyHash, valueHash, item: body.subarray(start, end) });
  });
  foldChunk("", modelBody(modelItems("another", 500)));
  assert.equal(seen.length, items.length);
  for (const [i, { keyHash, valueHash, item }] of items.entries()) {
    assert.deepEqual(seen[i], { keyHash, valueHash, item }, `item ${i}`);
  }
});

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

test("a flipped bit anywhere is refused or folds to another node", () => {
  const body = modelBody(modelItems("flip", 6, 70));
  const { node } = foldChunk("", body);
  for (let bit = 0; bit < 8 * body.length; bit++) {
    const damaged = Buffer.from(body);
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    let folded: ReturnType<typeof foldChunk>;
    try {
      folded = foldChunk("", damaged);
    } catch (error) {
      assert.equal((error as { reason?: string }).reason, "PROOF_INVALID", `bit ${bit}: ${error}`);
      continue;
    }
    assert.ok(!nodesEqual(folded.node, node), `bit ${bit} makes no difference`);
  }
});

test("items elsewhere, out of order, repeated or badly framed are refused", () => {
  const items = modelItems("wrong", 12);
  const body = modelBody(items);
  const [first, second] = items;
  assert.ok(first !== undefined && second !== undefined);
  const path = first.keyHash.toString("hex").slice(0, 3);
  const wrong: Readonly<Record<string, readonly [string, Buffer]>> = {
    "outside the path": [path, body],
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
    assert.throws(() => foldChunk(at, bytes), PROOF_INVALID, what);
  }
  assert.ok(sha256(body).equals(chunkId(body)));
});
