// Goal: a chain laid together gives the state that its changes say. Method: random sources of a few
// keys beside a plain map, cut into steps at random places; the seed is printed.
import assert from "node:assert/strict";
import test from "node:test";
import { encodeStateItem, foldChunk, sha256 } from "@holdfast/merkle";
import { SeededRandom } from "@holdfast/testing";
import { type MergedItem, type MergeEntry, type MergeSource, mergeSources } from "./merge.js";
import { type CutTile, cutByPlan, type PlannedTile } from "./plan-cut.js";

const seed = SeededRandom.seedFromEnvironment();

async function* sourceOf(entries: readonly MergeEntry[], random: SeededRandom): MergeSource {
  const sorted = [...entries].sort((a, b) => Buffer.compare(a.keyHash, b.keyHash));
  for (let at = 0; at < sorted.length; ) {
    const step = random.int(4);
    yield sorted.slice(at, at + step);
    at += step;
  }
}

function entry(key: number, value: string | null): MergeEntry {
  const name = Buffer.from(`key ${key}`);
  const item = value === null ? null : encodeStateItem(name, Buffer.from(value));
  return { keyHash: sha256(name), item };
}

async function all<T>(source: AsyncIterable<readonly T[]>): Promise<T[]> {
  const found: T[] = [];
  for await (const batch of source) found.push(...batch);
  return found;
}

test(`the newest source that names a key counts (seed ${seed})`, async () => {
  const random = new SeededRandom(seed);
  for (let round = 0; round < 300; round++) {
    const model = new Map<string, MergeEntry>();
    const sources = Array.from({ length: random.int(5) }, (_, layer) => {
      const entries = new Map<number, MergeEntry>();
      for (let count = random.int(20); count > 0; count--) {
        const key = random.int(30);
        const isDelete = layer > 0 && random.chance(0.3);
        entries.set(key, entry(key, isDelete ? null : `${layer} ${random.int(1000)}`));
      }
      for (const one of entries.values()) model.set(one.keyHash.toString("hex"), one);
      return sourceOf([...entries.values()], random);
    });
    const expected = [...model.values()]
      .filter(({ item }) => item !== null)
      .sort((a, b) => Buffer.compare(a.keyHash, b.keyHash));
    assert.deepEqual(await all(mergeSources(sources)), expected, `round ${round}`);
  }
});

test("no source gives no item", async () => assert.deepEqual(await all(mergeSources([])), []));

async function* planOf(tiles: readonly PlannedTile[]): AsyncGenerator<PlannedTile> {
  yield* tiles;
}

async function* batchesOf(items: readonly MergedItem[]): AsyncGenerator<readonly MergedItem[]> {
  for (const item of items) yield [item];
}

function stateOf(keys: number): MergedItem[] {
  return Array.from({ length: keys }, (_, key) => entry(key, `value ${key}`) as MergedItem).sort(
    (a, b) => Buffer.compare(a.keyHash, b.keyHash),
  );
}

/** Tiles of one nibble over these items. */
function shards(items: readonly MergedItem[]): PlannedTile[] {
  return [..."0123456789abcdef"].flatMap((path) => {
    const under = items.filter(({ keyHash }) => keyHash.toString("hex").startsWith(path));
    if (under.length === 0) return [];
    const bytes = under.reduce((sum, { item }) => sum + item.length, 0);
    return [{ path, node: { kind: "empty" }, items: under.length, bytes }];
  });
}

async function cut(plan: readonly PlannedTile[], items: readonly MergedItem[]): Promise<CutTile[]> {
  const tiles: CutTile[] = [];
  for await (const tile of cutByPlan(planOf(plan), batchesOf(items))) tiles.push(tile);
  return tiles;
}

test("a merged state is cut into chunk bodies that fold", async () => {
  const items = stateOf(200);
  const tiles = await cut(shards(items), items);
  assert.equal(tiles.length, 16);
  for (const { tile, body } of tiles) {
    const folded = foldChunk(tile.path, body);
    assert.equal(folded.items, tile.items);
    assert.equal(folded.bytes, tile.bytes);
  }
});

test("a state that does not fit the plan is refused", async () => {
  const items = stateOf(200);
  const plan = shards(items);
  const cases: readonly [string, readonly PlannedTile[], readonly MergedItem[]][] = [
    ["an item is missing", plan, items.slice(1)],
    ["the last items are missing", plan, items.slice(0, -20)],
    ["an item is in no tile", plan.slice(1), items],
    ["items are left at the end", plan.slice(0, -1), items],
    ["a tile in the middle is missing", plan.toSpliced(7, 1), items],
  ];
  for (const [what, badPlan, badItems] of cases) {
    await assert.rejects(cut(badPlan, badItems), { reason: "PROOF_INVALID" }, what);
  }
});
