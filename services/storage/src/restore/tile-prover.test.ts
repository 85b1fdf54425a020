// Goal: the rows made from tiles are the ones that a commit of the same state would make.
// Method: random states, also with long common prefixes, tiled by hand; the physical nodes are
// compared with those of the tree update from nothing, which shares no code with the writer.
import assert from "node:assert/strict";
import test from "node:test";
import { HoldfastError } from "@holdfast/core";
import { encodeStateItem, nodesEqual, pathOf, sha256 } from "@holdfast/merkle";
import { SeededRandom } from "@holdfast/testing";
import { PhysicalNode } from "../state/physical-node.js";
import { updateTree } from "../state/tree-update.js";
import { decodePlanRow } from "./plan-row.js";
import { chunkBody, type Item, itemsOf, tilesOf } from "./restore.test-support.js";
import { type ProvedBatch, TileProver } from "./tile-prover.js";

const VERSION = 77n;

/** Physical nodes in a batch, by path. */
function nodesOf(batch: ProvedBatch): Map<string, string> {
  const nodes = new Map<string, string>();
  const bytes = Buffer.from(batch.nodes);
  for (let at = 0; at < bytes.length; ) {
    const keyEnd = at + 3 + (bytes[at] ?? 0);
    const end = keyEnd + bytes.readUInt16BE(at + 1);
    const key = bytes.subarray(at + 3, keyEnd);
    assert.equal(key.readBigUInt64BE(0), VERSION);
    nodes.set(key.toString("hex", 9).slice(0, key[8]), bytes.toString("hex", keyEnd, end));
    at = end;
  }
  return nodes;
}

/** What the tree update writes for the same items, from nothing. */
function expectedNodes(items: readonly Item[]): { nodes: Map<string, string>; root: PhysicalNode } {
  const nodes = new Map<string, string>();
  const root = updateTree(
    PhysicalNode.EMPTY,
    VERSION,
    items.map((item) => ({
      keyHash: item.keyHash,
      settle: () => ({
        kind: "leaf",
        keyHash: item.keyHash,
        valueHash: sha256(item.value),
        bytes: encodeStateItem(item.key, item.value).length,
      }),
    })),
    {
      pending: () => null,
      load: () => assert.fail("there is nothing to load"),
      written: (path, node) => void nodes.set(path, node.encoded.toString("hex")),
      replaced: () => assert.fail("there is nothing to replace"),
    },
  );
  return { nodes, root };
}

function prove(tiles: readonly { path: string; items: readonly Item[] }[]): ProvedBatch {
  const bodies = tiles.map(({ items }) => chunkBody(items));
  let end = 0;
  return new TileProver(VERSION).prove({
    body: new Uint8Array(Buffer.concat(bodies)),
    tiles: tiles.map(({ path }, i) => {
      end += bodies[i]?.length ?? 0;
      return { path, end };
    }),
  });
}

const seed = SeededRandom.seedFromEnvironment();
for (const [count, tileItemsMax] of [
  [1, 1],
  [2, 2],
  [16, 4],
  [500, 3],
  [500, 40],
  [3_000, 200],
] as const) {
  test(`nodes of ${count} items in tiles of ${tileItemsMax}, seed ${seed}`, () => {
    const items = itemsOf(new SeededRandom(seed + count), count);
    const tiles = tilesOf(items, tileItemsMax);
    const batch = prove(tiles);
    const { nodes } = expectedNodes(items);
    const made = nodesOf(batch);
    // Nodes above the tiles are not part of any tile.
    const isBelow = (path: string) => tiles.some((tile) => path.startsWith(tile.path));
    const expected = [...nodes].filter(([path]) => isBelow(path)).sort();
    assert.deepEqual([...made].sort(), expected);
    assert.equal(batch.spans.length, 2 * count);
    let item = 0;
    for (const [index, tile] of tiles.entries()) {
      const proved = batch.tiles[index];
      assert.ok(proved !== undefined);
      const { tile: row } = decodePlanRow(tile.path, Buffer.from(proved.row));
      assert.equal(row.items, tile.items.length);
      const node = nodes.get(tile.path);
      if (row.items > 1) {
        assert.ok(node !== undefined);
        const { subtree } = PhysicalNode.decode(Buffer.from(node, "hex"));
        assert.ok(nodesEqual(row.node, subtree.node));
        assert.equal(row.bytes, subtree.bytes);
      }
      for (const { key, value, keyHash } of tile.items) {
        const [start, end] = batch.spans.subarray(2 * item, 2 * item + 2);
        const row = Buffer.from(batch.body.subarray(start, end));
        assert.ok(row.equals(encodeStateItem(key, value)));
        assert.ok(keyHash.equals(batch.keyHashes.subarray(32 * item, 32 * item + 32)));
        item += 1;
      }
      assert.equal(proved.itemsEnd, item);
    }
  });
}

test("an item that lies elsewhere, a malformed and an empty body are refused", () => {
  const items = itemsOf(new SeededRandom(seed), 40);
  const invalid = (error: unknown) =>
    error instanceof HoldfastError && error.reason === "PROOF_INVALID";
  const [first] = items;
  assert.ok(first !== undefined);
  const elsewhere = pathOf(first.keyHash, 1) === "0" ? "1" : "0";
  assert.throws(() => prove([{ path: elsewhere, items: [first] }]), invalid);
  assert.throws(() => prove([{ path: "0", items: [] }]), invalid);
  const body = new Uint8Array(chunkBody([first]));
  body[0] = 0;
  const prover = new TileProver(VERSION);
  const path = pathOf(first.keyHash, 1);
  assert.throws(() => prover.prove({ body, tiles: [{ path, end: body.length }] }), invalid);
  // What a refused batch left behind does not show in the next one.
  body[0] = 0x32;
  assert.equal(prover.prove({ body, tiles: [{ path, end: body.length }] }).nodes.length, 0);
});
