// Goal: a delta proves the whole difference of two states under a path, and has one encoding.
// Method: random pairs of states over the recursive model, also with hashes that share many bits;
// every bit of a body flipped; steps replaced by hand.
import assert from "node:assert/strict";
import test from "node:test";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import {
  type DeltaChange,
  type DeltaTree,
  DeltaWriter,
  encodeDeltaBody,
  foldDeltaChunk,
  nodesEqual,
  placeOf,
  type TreeNode,
  writtenChanges,
} from "./index.js";
import {
  ascending,
  bitsOf,
  hashOfBits,
  type ModelItem,
  type ModelLeaf,
  modelHash,
  modelItem,
  modelItems,
  modelNode,
  pathBits,
} from "./test-support/model-tree.js";

const PROOF_INVALID = { reason: "PROOF_INVALID" };

/** The changes from one state to another under a path. */
function changesOf(
  from: readonly ModelLeaf[],
  to: readonly ModelItem[],
  path: string,
): DeltaChange[] {
  const find = <L extends ModelLeaf>(leaves: readonly L[], keyHash: Buffer): L | undefined =>
    leaves.find((leaf) => leaf.keyHash.equals(keyHash));
  const changes: DeltaChange[] = [];
  for (const { keyHash, valueHash, item } of to) {
    const oldValueHash = find(from, keyHash)?.valueHash ?? null;
    if (oldValueHash?.equals(valueHash)) continue;
    changes.push({ kind: "put", keyHash, item, valueHash, oldValueHash });
  }
  for (const { keyHash, valueHash } of from) {
    if (find(to, keyHash) === undefined) {
      changes.push({ kind: "delete", keyHash, oldValueHash: valueHash });
    }
  }
  return changes
    .filter(({ keyHash }) => keyHash.toString("hex").startsWith(path))
    .sort((a, b) => Buffer.compare(a.keyHash, b.keyHash));
}

/** Used again and again. */
const writer = new DeltaWriter();

function encode(path: string, changes: readonly DeltaChange[], to: readonly ModelLeaf[]) {
  const tree: DeltaTree = {
    locate(position, depth) {
      // A copy: the place is reused, and the model remembers it.
      const all = bitsOf(Buffer.from(position));
      assert.match(all.slice(depth), /^0*$/, "the rest of a place is zero");
      return placeOf(modelNode(to, all.slice(0, depth)));
    },
  };
  const written = writtenChanges(changes);
  const delta = encodeDeltaBody(path, written, tree);
  assert.ok(writer.write(path, written, tree).equals(delta.body), "the same body without a fold");
  return delta;
}

/** Encodes, folds, and holds both against the model; answers the body. */
function checkPair(
  from: readonly ModelLeaf[],
  to: readonly ModelItem[],
  path: string,
): Buffer | null {
  const changes = changesOf(from, to, path);
  if (changes.length === 0) return null;
  const { body, fromNode, toNode } = encode(path, changes, to);
  const folded = foldDeltaChunk(path, body);
  const fromModel = modelNode(from, pathBits(path));
  const toModel = modelNode(to, pathBits(path));
  assert.deepEqual([fromNode, toNode], [fromModel, toModel], "encoded");
  assert.deepEqual([folded.fromNode, folded.toNode], [fromModel, toModel], "folded");
  assert.deepEqual(folded.changes, changes);
  assert.equal(folded.puts, changes.filter(({ kind }) => kind === "put").length);
  assert.equal(folded.deletes, changes.length - folded.puts);
  return body;
}

/** Another state: some items dropped, changed and added. */
function edited(items: readonly ModelItem[], seed: number): ModelItem[] {
  const kept = items.flatMap((item) => {
    const dice = modelHash(`${seed}`, item.key)[0] ?? 0;
    if (dice < 20) return [];
    return dice < 60 ? [modelItem(item.key, Buffer.from(`changed ${seed}`))] : [item];
  });
  return ascending([...kept, ...modelItems(`added ${seed}`, seed % 7)]);
}

test("folds to the nodes of both states", () => {
  let bodies = 0;
  for (const count of [0, 1, 2, 10, 60]) {
    const from = modelItems(`delta ${count}`, count);
    for (let seed = 0; seed < 6; seed++) {
      const to = edited(from, seed);
      for (const path of ["", "0", "a", "f", "3c"]) {
        if (checkPair(from, to, path) !== null) bodies++;
      }
    }
  }
  assert.ok(bodies > 40, `only ${bodies} deltas had a change`);
});

test("states that come and go whole", () => {
  const items = modelItems("whole", 20);
  assert.ok(checkPair([], items, "") !== null);
  assert.ok(checkPair(items, [], "") !== null);
});

test("deletions whose hashes share many bits with what stays", () => {
  const bits = fc.array(fc.constantFrom("0", "1"), { maxLength: 5 }).map((b) => b.join(""));
  const stem = fc.constantFrom("", "1", "0110", "1".repeat(40), "0".repeat(249), "01".repeat(125));
  const leaf = fc
    .tuple(stem, bits, fc.constantFrom("old", "kept"))
    .map(([head, tail, what]): ModelLeaf => {
      const keyHash = hashOfBits(head + tail);
      return { keyHash, valueHash: modelHash(what, keyHash) };
    });
  const leaves = fc.uniqueArray(leaf, {
    selector: ({ keyHash }) => keyHash.toString("hex"),
    minLength: 1,
    maxLength: 16,
  });
  fc.assert(
    fc.property(leaves, (from) => {
      // Items of chosen key hashes cannot be made, so these only ever go.
      const to = from.filter(({ keyHash, valueHash }) =>
        valueHash.equals(modelHash("kept", keyHash)),
      );
      const changes = ascending(from.filter((old) => !to.includes(old))).map(
        ({ keyHash, valueHash }): DeltaChange => ({
          kind: "delete",
          keyHash,
          oldValueHash: valueHash,
        }),
      );
      if (changes.length === 0) return;
      const { body } = encode("", changes, to);
      const folded = foldDeltaChunk("", body);
      assert.deepEqual(folded.fromNode, modelNode(from, ""));
      assert.deepEqual(folded.toNode, modelNode(to, ""));
    }),
  );
});

test("a flipped bit anywhere is refused or folds to other nodes", () => {
  const from = modelItems("flip", 30);
  const body = checkPair(from, edited(from, 5), "");
  assert.ok(body !== null);
  const { fromNode, toNode } = foldDeltaChunk("", body);
  for (let bit = 0; bit < 8 * body.length; bit++) {
    const damaged = Buffer.from(body);
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    try {
      const folded = foldDeltaChunk("", damaged);
      const same = nodesEqual(folded.fromNode, fromNode) && nodesEqual(folded.toNode, toNode);
      assert.ok(!same, `bit ${bit} makes no difference`);
    } catch (error) {
      assert.equal((error as { reason?: string }).reason, "PROOF_INVALID", `bit ${bit}: ${error}`);
    }
  }
});

const step = {
  empty: (w: BinaryWriter) => w.uint32(1 << 3).bool(true),
  leaf:
    ({ keyHash, valueHash }: ModelLeaf) =>
    (w: BinaryWriter) =>
      w
        .uint32((2 << 3) | 2)
        .fork()
        .uint32((1 << 3) | 2)
        .bytes(keyHash)
        .uint32((2 << 3) | 2)
        .bytes(valueHash)
        .join(),
  inner: (hash: Buffer) => (w: BinaryWriter) => w.uint32((3 << 3) | 2).bytes(hash),
  end: (w: BinaryWriter) => w.uint32(4 << 3).bool(true),
  enter: (w: BinaryWriter) => w.uint32(5 << 3).bool(true),
};

/** A body of deletions and hand-made steps. */
function bodyOf(
  deleted: readonly Buffer[],
  ...steps: readonly ((w: BinaryWriter) => BinaryWriter)[]
): Buffer {
  const writer = new BinaryWriter();
  for (const keyHash of deleted) {
    writer.uint32((8 << 3) | 2).fork();
    writer.uint32((2 << 3) | 2).fork();
    writer.uint32((1 << 3) | 2).bytes(keyHash);
    writer.uint32((2 << 3) | 2).bytes(modelHash("old"));
    writer.join().join();
  }
  for (const write of steps) write(writer.uint32((9 << 3) | 2).fork()).join();
  return Buffer.from(writer.finish());
}

test("only the one right frontier is taken", () => {
  const a = hashOfBits("00");
  const c = hashOfBits("10");
  const kept: ModelLeaf = { keyHash: c, valueHash: modelHash("kept") };
  const keptNode: TreeNode = { kind: "leaf", ...kept };
  assert.deepEqual(
    foldDeltaChunk("", bodyOf([a], step.enter, step.end, step.leaf(kept))).toNode,
    keptNode,
  );
  const wrong: Readonly<Record<string, Buffer>> = {
    "no change": bodyOf([], step.inner(a)),
    "no step": bodyOf([a]),
    "an end with steps behind": bodyOf([a], step.end, step.empty),
    "a step cut off": bodyOf([a], step.enter, step.end),
    "a step too many": bodyOf([a], step.enter, step.end, step.leaf(kept), step.empty),
    "entered though alone": bodyOf([a], step.enter, step.end, step.empty),
    "entered twice though alone": bodyOf(
      [a],
      step.enter,
      step.enter,
      step.end,
      step.empty,
      step.empty,
    ),
    "a changed key as a node": bodyOf([a], step.inner(c)),
    "an end without a change": bodyOf([a], step.enter, step.end, step.end),
    "an unchanged subtree entered": bodyOf(
      [a],
      step.enter,
      step.end,
      step.enter,
      step.empty,
      step.empty,
    ),
    "two changes with a step": bodyOf([a, c], step.enter, step.end, step.end),
    "a leaf that does not lie there": bodyOf([c], step.enter, step.leaf(kept), step.end),
    "out of order": bodyOf([c, a], step.end, step.end),
    "a change twice": bodyOf([a, a], step.end, step.end),
    "a short hash": bodyOf([a.subarray(1)], step.end),
    "a step before a change": Buffer.concat([bodyOf([], step.end), bodyOf([a])]),
    "an empty step": Buffer.concat([bodyOf([a]), Buffer.of(0x4a, 0)]),
    "a false flag": Buffer.concat([bodyOf([a]), Buffer.of(0x4a, 2, 0x20, 0)]),
    "two steps in one": Buffer.concat([bodyOf([a]), Buffer.of(0x4a, 4, 0x20, 1, 0x20, 1)]),
  };
  for (const [what, body] of Object.entries(wrong)) {
    assert.throws(() => foldDeltaChunk("", body), PROOF_INVALID, what);
  }
  assert.throws(() => foldDeltaChunk("1", bodyOf([a], step.end)), PROOF_INVALID);
  // At the deepest level there is nothing to enter.
  const deep = "0".repeat(64);
  assert.throws(
    () => foldDeltaChunk(deep, bodyOf([hashOfBits("")], step.enter, step.end)),
    PROOF_INVALID,
  );
});

test("a put that changes nothing is refused", () => {
  const { item, valueHash } = modelItem(Buffer.from("key"), Buffer.from("value"));
  const writer = new BinaryWriter();
  writer.uint32((8 << 3) | 2).fork();
  writer.uint32((1 << 3) | 2).fork();
  writer.uint32((1 << 3) | 2).bytes(item);
  writer.uint32((2 << 3) | 2).bytes(valueHash);
  writer.join().join();
  step.end(writer.uint32((9 << 3) | 2).fork()).join();
  assert.throws(() => foldDeltaChunk("", Buffer.from(writer.finish())), /changes nothing/);
});
