// Goal: the tree as updated block by block equals the tree as defined, at every version, in
// roots, items and bytes, and what is marked as replaced is exactly what a version lost.
// Method: random blocks of puts, deletes and no-ops on keys with chosen hashes (so that deep
// shared prefixes occur), against a recursive model over a plain map.
import { strict as assert } from "node:assert";
import test from "node:test";
import { combine, EMPTY_NODE, nodeHash, type TreeNode } from "@holdfast/merkle";
import { SeededRandom } from "@holdfast/testing";
import { createMessageHasher } from "./message-hasher.js";
import { PhysicalNode } from "./physical-node.js";
import { TREE_HEAP_BYTES, TreeHasher } from "./tree-hasher.js";
import { type KeyWrites, type NodeStore, updateTree } from "./tree-update.js";

interface Entry {
  readonly valueHash: Buffer;
  readonly bytes: number;
}
type Model = Map<string, Entry>;

class MemoryNodes implements NodeStore {
  readonly nodes: Map<string, PhysicalNode> = new Map();
  readonly stale: Map<string, bigint> = new Map();
  /** Nodes as they were written. */
  readonly #copies: Map<string, Buffer> = new Map();
  version = 0n;

  /** Every other version is in memory. */
  pending(version: bigint, path: string): PhysicalNode | null {
    return version % 2n === 0n ? null : (this.nodes.get(`${version}/${path}`) ?? null);
  }

  load(version: bigint, path: string): PhysicalNode {
    const node = this.nodes.get(`${version}/${path}`);
    assert.ok(node !== undefined, `node ${path} of version ${version} is missing`);
    // As a reader finds it on disk.
    return PhysicalNode.decode(Buffer.from(node.encoded));
  }

  written(path: string, node: PhysicalNode): void {
    const key = `${this.version}/${path}`;
    assert.ok(!this.nodes.has(key), `${key} is written twice`);
    this.nodes.set(key, node);
    this.#copies.set(key, Buffer.from(node.encoded));
  }

  /** Nodes that others have are never written over. */
  requireUnchanged(): void {
    for (const [key, copy] of this.#copies) {
      assert.deepEqual(this.nodes.get(key)?.encoded, copy, `${key} was written over`);
    }
  }

  replaced(version: bigint, path: string): void {
    const key = `${version}/${path}`;
    assert.ok(!this.stale.has(key), `${key} is replaced twice`);
    this.stale.set(key, this.version);
  }
}

function modelNode(model: Model, keys: readonly string[], depth: number): TreeNode {
  const [only] = keys;
  if (only === undefined) return EMPTY_NODE;
  if (keys.length === 1) {
    const valueHash = model.get(only)?.valueHash ?? Buffer.alloc(0);
    return { kind: "leaf", keyHash: Buffer.from(only, "hex"), valueHash };
  }
  const bit = (key: string): number =>
    (Number.parseInt(key[depth >> 2] ?? "", 16) >> (3 - (depth & 3))) & 1;
  return combine(
    modelNode(
      model,
      keys.filter((key) => bit(key) === 0),
      depth + 1,
    ),
    modelNode(
      model,
      keys.filter((key) => bit(key) === 1),
      depth + 1,
    ),
  );
}

/** Visits every node reachable from a root. */
function reachable(root: PhysicalNode, store: MemoryNodes, path = "", found = new Set<string>()) {
  for (const [index, slot] of root.slots().entries()) {
    if (slot.kind !== "inner") continue;
    const below = path + index.toString(16);
    found.add(`${slot.version}/${below}`);
    const node = store.load(slot.version, below);
    assert.equal(node.subtree.items, slot.items);
    assert.equal(node.subtree.bytes, slot.bytes);
    assert.ok(slot.items >= 2, "a node has two keys or more");
    reachable(node, store, below, found);
  }
  return found;
}

for (const seed of [1, 2, 3, 4]) {
  test(`random blocks against the definition (seed ${seed})`, () => {
    const random = new SeededRandom(seed);
    const store = new MemoryNodes();
    // One with little memory makes hashes in the middle of a block.
    const heapBytes = seed % 2 === 0 ? TREE_HEAP_BYTES : 6_000;
    const hasher = new TreeHasher(createMessageHasher(heapBytes), heapBytes);
    // Few bits of chance and long shared prefixes: keys collide deep down.
    const prefixes = ["", "00", "0000000000000000", "ffffffffffffffffffff", "a5a5a5a5a5"];
    const randomKey = (): string => {
      const prefix = random.pick(prefixes);
      return `${`${prefix}${random.bytes(32).toString("hex")}`.slice(0, 62)}0${random.int(3)}`;
    };
    const keys = Array.from({ length: 120 }, randomKey);
    // Neighbours that differ in the last bits only.
    for (const key of keys.slice(0, 20))
      keys.push(`${key.slice(0, 63)}${(random.int(12) + 3).toString(16)}`);
    const model: Model = new Map();
    const roots: { version: bigint; root: PhysicalNode; nodes: Set<string> }[] = [];
    let root = PhysicalNode.EMPTY;
    for (let block = 0; block < 60; block++) {
      store.version += 1n + BigInt(random.int(3));
      const chosen = new Map<string, Entry | null>();
      for (let write = random.int(25); write >= 0; write--) {
        const key = random.pick(keys);
        const isDelete = random.int(block % 10 === 9 ? 2 : 4) === 0;
        chosen.set(
          key,
          isDelete ? null : { valueHash: Buffer.alloc(32, random.int(4)), bytes: random.int(100) },
        );
      }
      if (block === 30) for (const key of keys) chosen.set(key, null);
      const writes: KeyWrites[] = [...chosen]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, entry]) => ({
          keyHash: Buffer.from(key, "hex"),
          settle(before) {
            const held = model.get(key);
            assert.equal(before?.valueHash.toString("hex"), held?.valueHash.toString("hex"), key);
            assert.equal(before?.bytes, held?.bytes);
            // A put of an equal value changes nothing, its bytes included.
            if (entry === null) model.delete(key);
            else if (held === undefined || !held.valueHash.equals(entry.valueHash))
              model.set(key, entry);
            return entry === null ? null : { kind: "leaf", keyHash: this.keyHash, ...entry };
          },
        }));
      const before = root;
      const sizeBefore = store.nodes.size;
      root = updateTree(root, store.version, writes, store, hasher);
      const expected = modelNode(model, [...model.keys()].sort(), 0);
      assert.deepEqual(nodeHash(root.subtree.node), nodeHash(expected), `block ${block}`);
      assert.equal(root.subtree.items, model.size);
      assert.equal(
        root.subtree.bytes,
        [...model.values()].reduce((sum, { bytes }) => sum + bytes, 0),
      );
      if (root === before) assert.equal(store.nodes.size, sizeBefore, "no change writes nothing");
      roots.push({ version: store.version, root, nodes: reachable(root, store) });
    }
    store.requireUnchanged();
    // Every node is stale from the first version on that does not reach it, and only then.
    for (const { version, nodes } of roots) {
      for (const key of store.nodes.keys()) {
        if (BigInt(key.split("/")[0] ?? "") > version) continue;
        const staleSince = store.stale.get(key);
        const isLive = staleSince === undefined || staleSince > version;
        assert.equal(nodes.has(key), isLive, `${key} at ${version}`);
      }
    }
  });
}

test("binary nodes inside a physical node are those of the definition", () => {
  const random = new SeededRandom(9);
  for (let round = 0; round < 50; round++) {
    const model: Model = new Map();
    for (let index = 0; index < 16; index++) {
      if (random.int(2) === 0) continue;
      const key = index.toString(16) + random.bytes(32).toString("hex").slice(1);
      model.set(key, { valueHash: random.bytes(32), bytes: random.int(1000) });
    }
    const node = PhysicalNode.EMPTY.with(
      [...model].map(([key, entry]) => ({
        index: Number.parseInt(key[0] ?? "", 16),
        slot: { kind: "leaf", keyHash: Buffer.from(key, "hex"), ...entry } as const,
      })),
    );
    for (let depth = 0; depth <= 4; depth++) {
      for (let index = 0; index < 1 << depth; index++) {
        const under = [...model.keys()]
          .filter((key) => Number.parseInt(key[0] ?? "", 16) >> (4 - depth) === index)
          .sort();
        const found = node.binaryNode(depth, index);
        assert.deepEqual(found.node, modelNode(model, under, depth), `round ${round}`);
        assert.equal(found.items, under.length);
        const bytes = under.reduce((sum, key) => sum + (model.get(key)?.bytes ?? 0), 0);
        assert.equal(found.bytes, bytes);
      }
    }
    assert.deepEqual(PhysicalNode.of(node.slots()).encoded, node.encoded);
  }
});

test("bytes that are no node are refused", () => {
  const leaf = {
    kind: "leaf",
    keyHash: Buffer.alloc(32),
    valueHash: Buffer.alloc(32),
    bytes: 1,
  } as const;
  const { encoded } = PhysicalNode.EMPTY.with([{ index: 3, slot: leaf }]);
  for (const bytes of [
    Buffer.alloc(0),
    encoded.subarray(0, 20),
    Buffer.concat([encoded, encoded]),
  ]) {
    assert.throws(() => PhysicalNode.decode(bytes), { reason: "ROW_CORRUPT" });
  }
});
