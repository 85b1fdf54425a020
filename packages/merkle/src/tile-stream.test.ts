// Goal: the stream cuts a state into exactly the tiles of the tiling rule.
// Method: the rule written as a recursion over the whole state, on states with small, large and
// very large items.
import assert from "node:assert/strict";
import test from "node:test";
import { limits } from "@holdfast/core";
import { foldChunk, nodeHash, TileRootFold, TileStream } from "./index.js";
import { type ModelItem, modelBody, modelItem, modelItems } from "./test-support/model-tree.js";

/** The tiling of a state, straight from the definition. */
function modelTiles(
  items: readonly ModelItem[],
  path = "",
): { path: string; items: ModelItem[] }[] {
  const under = items.filter(({ keyHash }) => keyHash.toString("hex").startsWith(path));
  if (under.length === 0) return [];
  const bytes = under.reduce((sum, { item }) => sum + item.length, 0);
  if (path !== "" && (under.length === 1 || bytes <= limits.TILE_BYTES_MAX)) {
    return [{ path, items: under }];
  }
  return [..."0123456789abcdef"].flatMap((digit) => modelTiles(under, path + digit));
}

function check(items: readonly ModelItem[]): number {
  const expected = modelTiles(items);
  const stream = new TileStream();
  const tiles = [
    ...items.flatMap(({ keyHash, item }) => stream.push(keyHash, item)),
    ...stream.finish(),
  ];
  assert.deepEqual(
    tiles.map(({ path }) => path),
    expected.map(({ path }) => path),
  );
  const fold = new TileRootFold();
  for (const [i, { path, node, items: count, bytes, body }] of tiles.entries()) {
    const model = expected[i]?.items ?? [];
    assert.ok(body.equals(modelBody(model)), `body of ${path}`);
    assert.equal(count, model.length);
    assert.equal(
      bytes,
      model.reduce((sum, { item }) => sum + item.length, 0),
    );
    fold.add(path, node);
  }
  const whole = foldChunk("", modelBody(items)).node;
  assert.deepEqual(nodeHash(fold.finish()), nodeHash(whole));
  return tiles.length;
}

test("an empty state has no tiles", () => {
  assert.deepEqual(new TileStream().finish(), []);
});

test("small states have a tile for each first nibble at most", () => {
  for (const count of [1, 2, 5, 100]) {
    assert.ok(check(modelItems(`small ${count}`, count)) <= 16);
  }
});

test("large states are cut deeper", () => {
  assert.ok(check(modelItems("large", 3_000, 3_000)) > 16);
});

test("states of large items are cut down to single ones", () => {
  assert.ok(check(modelItems("edge", 400, 200_000)) > 200);
});

test("a tile holds at most the limit, to the byte", () => {
  const keys = modelItems("limit", 100).map(({ key, keyHash }) => ({ key, keyHash }));
  const [a, b] = keys.filter(({ keyHash }) => (keyHash[0] ?? 0) >> 4 === 7);
  assert.ok(a !== undefined && b !== undefined);
  const first = modelItem(a.key, Buffer.alloc(60_000, 1));
  const room = limits.TILE_BYTES_MAX - first.item.length;
  const overhead = modelItem(b.key, Buffer.alloc(60_000)).item.length - 60_000;
  for (const [excess, tiles] of [
    [0, 1],
    [1, 2],
  ] as const) {
    const second = modelItem(b.key, Buffer.alloc(room - overhead + excess, 2));
    assert.equal(first.item.length + second.item.length, limits.TILE_BYTES_MAX + excess);
    assert.equal(check([first, second]), tiles);
  }
});

test("items out of order are refused", () => {
  const items = modelItems("order", 50);
  const [first, second] = items;
  const last = items.at(-1);
  assert.ok(first !== undefined && second !== undefined && last !== undefined);
  for (const [before, after] of [
    [second, first],
    [last, first],
    [first, first],
  ] as const) {
    const stream = new TileStream();
    stream.push(before.keyHash, before.item);
    assert.throws(() => stream.push(after.keyHash, after.item), { reason: "PROOF_INVALID" });
  }
});
