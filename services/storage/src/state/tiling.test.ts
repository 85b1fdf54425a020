// Goal: tiles, siblings and sums of any tree are those of the definition, also where lone keys
// stand high up and where keys share long prefixes.
// Method: random trees over chosen key hashes, against filters over a plain list.
import { strict as assert } from "node:assert";
import test from "node:test";
import { foldSiblings, hasPath, nodesEqual, pathOf, rootOf, TileRootFold } from "@holdfast/merkle";
import { SeededRandom } from "@holdfast/testing";
import { PhysicalNode, treeNodeAt } from "./physical-node.js";
import { fitsTile, tileAt, tilesBehind } from "./tiling.js";
import { updateTree } from "./tree-update.js";
import { TreeView } from "./tree-view.js";

interface Leaf {
  readonly keyHash: Buffer;
  readonly valueHash: Buffer;
  readonly bytes: number;
}

/** Leaves of which many share a long prefix, ascending. */
function randomLeaves(random: SeededRandom, count: number): Leaf[] {
  const stems = Array.from({ length: 3 }, () => random.bytes(32));
  const hashes = new Set<string>();
  while (hashes.size < count) {
    const keyHash = random.bytes(32);
    const shared = random.chance(0.5) ? random.int(31) : 0;
    random.pick(stems).copy(keyHash, 0, 0, shared);
    hashes.add(keyHash.toString("hex"));
  }
  return [...hashes].sort().map((hex) => ({
    keyHash: Buffer.from(hex, "hex"),
    valueHash: random.bytes(32),
    bytes: random.pick([3, 200, 20_000, 131_072, 131_073, 400_000]),
  }));
}

function viewOf(leaves: readonly Leaf[]): {
  readonly view: TreeView;
  /** Another view of the same tree, which has walked nowhere yet. */
  readonly fresh: () => TreeView;
  readonly reads: () => number;
} {
  const nodes = new Map<string, PhysicalNode>();
  let reads = 0;
  const writes = leaves.map((leaf) => ({
    keyHash: leaf.keyHash,
    settle: () => ({ kind: "leaf", ...leaf }) as const,
  }));
  const root = updateTree(PhysicalNode.EMPTY, 1n, writes, {
    pending: () => null,
    load: () => assert.fail("nothing is there before"),
    written: (path, node) => nodes.set(path, node),
    replaced: () => assert.fail("nothing is there before"),
  });
  const read = (_version: bigint, position: Buffer, nibbles: number): PhysicalNode => {
    const path = pathOf(position, nibbles);
    reads++;
    return nodes.get(path) ?? assert.fail(`there is no node at ${path}`);
  };
  const fresh = (): TreeView => new TreeView(root, read);
  return { view: fresh(), fresh, reads: () => reads };
}

function modelTiles(leaves: readonly Leaf[], path = ""): string[] {
  const under = leaves.filter(({ keyHash }) => hasPath(keyHash, path));
  const bytes = under.reduce((sum, leaf) => sum + leaf.bytes, 0);
  if (under.length === 0) return [];
  if (path !== "" && (under.length === 1 || bytes <= 131_072)) return [path];
  return [..."0123456789abcdef"].flatMap((digit) => modelTiles(under, path + digit));
}

const seed = SeededRandom.seedFromEnvironment();

test(`tiles, siblings and sums of random trees (seed ${seed})`, () => {
  const random = new SeededRandom(seed);
  for (let round = 0; round < 12; round++) {
    const leaves = randomLeaves(random, random.pick([0, 1, 2, 5, 30, 90]));
    const { view } = viewOf(leaves);
    const tiles = [...tilesBehind(view, "")];
    assert.deepEqual(
      tiles.map(({ path }) => path),
      modelTiles(leaves),
    );
    const root = rootOf(view.root.subtree.node);
    const fold = new TileRootFold();
    for (const tile of tiles) {
      const under = leaves.filter(({ keyHash }) => hasPath(keyHash, tile.path));
      assert.equal(tile.items, under.length);
      assert.equal(
        tile.bytes,
        under.reduce((sum, { bytes }) => sum + bytes, 0),
      );
      assert.ok(rootOf(foldSiblings(tile.path, tile.node, view.siblings(tile.path))).equals(root));
      fold.add(tile.path, tile.node);
      const behind = leaves.filter(({ keyHash }) => pathOf(keyHash, tile.path.length) > tile.path);
      assert.deepEqual(view.behind(tile.path), {
        items: behind.length,
        bytes: behind.reduce((sum, { bytes }) => sum + bytes, 0),
      });
    }
    assert.ok(rootOf(fold.finish()).equals(root));
    for (const [index, { path }] of tiles.entries()) {
      const rest = [...tilesBehind(view, path)];
      assert.deepEqual(
        rest.map((tile) => tile.path),
        tiles.slice(index + 1).map((tile) => tile.path),
      );
    }
  }
});

test(`only tiles are tiles (seed ${seed})`, () => {
  const random = new SeededRandom(seed);
  for (let round = 0; round < 10; round++) {
    const leaves = randomLeaves(random, random.pick([1, 3, 50]));
    const { view } = viewOf(leaves);
    const paths = new Set(modelTiles(leaves));
    for (const { keyHash } of leaves) {
      for (let nibbles = 0; nibbles <= 64; nibbles++) {
        const path = pathOf(keyHash, nibbles);
        assert.equal(tileAt(view, path) !== null, paths.has(path), path);
      }
    }
    assert.equal(tileAt(view, random.bytes(32).toString("hex")), null);
  }
});

test(`any place of the tree, in any order (seed ${seed})`, () => {
  const random = new SeededRandom(seed);
  const leaves = randomLeaves(random, 100);
  const { view, fresh } = viewOf(leaves);
  for (let round = 0; round < 1_000; round++) {
    const depth = random.int(257);
    const near = random.pick(leaves).keyHash;
    const position = Buffer.from(random.chance(0.8) ? near : random.bytes(32));
    const leaf = view.leaf(position);
    const own = leaves.find(({ keyHash }) => keyHash.equals(position)) ?? null;
    assert.deepEqual(leaf?.valueHash ?? null, own?.valueHash ?? null);
    const { items, node } = view.bitNode(position, depth);
    assert.equal(
      items,
      leaves.filter((other) => sharesBits(other.keyHash, position, depth)).length,
    );
    assert.ok(nodesEqual(node, fresh().bitNode(position, depth).node));
    const { kind, bytes, at } = view.locate(position, depth);
    assert.ok(nodesEqual(node, treeNodeAt(kind, bytes, at)));
    const place = view.locateLeaf(position);
    const hashes = place?.bytes.subarray(place.at, place.at + 64) ?? null;
    assert.deepEqual(hashes, own === null ? null : Buffer.concat([own.keyHash, own.valueHash]));
  }
});

test("a walk in order reads every node once", () => {
  const leaves = randomLeaves(new SeededRandom(9), 400);
  const { view, reads } = viewOf(leaves);
  const cut = new Set<string>();
  for (const { path } of tilesBehind(view, "")) {
    for (let nibbles = 1; nibbles < path.length; nibbles++) cut.add(path.slice(0, nibbles));
  }
  assert.equal(reads(), cut.size);
});

test("a tile is one item, or at most 128 KiB", () => {
  assert.equal(fitsTile({ items: 1, bytes: 2 ** 20 }), true);
  assert.equal(fitsTile({ items: 2, bytes: 131_072 }), true);
  assert.equal(fitsTile({ items: 2, bytes: 131_073 }), false);
});

function sharesBits(a: Buffer, b: Buffer, depth: number): boolean {
  for (let bit = 0; bit < depth; bit++) {
    const mask = 0x80 >> (bit & 7);
    if (((a[bit >> 3] ?? 0) & mask) !== ((b[bit >> 3] ?? 0) & mask)) return false;
  }
  return true;
}
