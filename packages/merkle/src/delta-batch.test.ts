// Goal: deltas fold to the same nodes together and node by node, whatever their size, and one that
// is wrong does not take the others with it.
// Method: deletions out of states whose key hashes are chosen, so that all shapes come up, several
// tiles in one buffer; more tiles than are folded at once; a delta with more leaves than fit.
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { AscendingFold } from "./ascending-fold.js";
import { DeltaBatch } from "./delta-batch.js";
import { readChanges } from "./delta-change.js";
import { foldDeltaInSteps } from "./delta-steps.js";
import {
  bitAt,
  combine,
  commonBits,
  type DeltaChange,
  type DeltaTile,
  type DeltaTree,
  DeltaWriter,
  EMPTY_NODE,
  encodeStateItem,
  foldChunk,
  foldDeltaChunk,
  foldDeltaTiles,
  placeOf,
  type TreeNode,
  WireWriter,
  writtenChanges,
} from "./index.js";
import {
  ascending,
  bitsOf,
  hashOfBits,
  leavesUnder,
  type ModelLeaf,
  modelHash,
  modelItems,
  modelNode,
  pathBits,
} from "./test-support/model-tree.js";
import { WireReader } from "./wire.js";

const batch = DeltaBatch.create() ?? assert.fail("this machine has no SIMD: nothing to test");

const deletions = (leaves: readonly ModelLeaf[]): DeltaChange[] =>
  ascending(leaves).map(({ keyHash, valueHash }) => ({
    kind: "delete",
    keyHash,
    oldValueHash: valueHash,
  }));

/** A later state that has only these leaves. */
const treeOf = (kept: readonly ModelLeaf[]): DeltaTree =>
  treeBy((position, depth) => modelNode(kept, bitsOf(Buffer.from(position)).slice(0, depth)));

const treeBy = (node: (position: Buffer, depth: number) => TreeNode): DeltaTree => ({
  locate: (position, depth) => placeOf(node(position, depth)),
});

const bodyOf = (path: string, changes: readonly DeltaChange[], tree: DeltaTree): Buffer =>
  new DeltaWriter().write(path, writtenChanges(changes), tree);

/** Bodies one behind the other, with something in front. */
function frameOf(bodies: readonly { readonly path: string; readonly body: Buffer }[]) {
  let at = 5;
  const tiles = bodies.map(({ path, body }): DeltaTile => {
    const start = at;
    at += body.length;
    return { path, start, end: at };
  });
  return { bytes: Buffer.concat([Buffer.alloc(5), ...bodies.map(({ body }) => body)]), tiles };
}

test("several tiles together, and each of them in steps, fold to the nodes of the model", () => {
  const bits = fc.array(fc.constantFrom("0", "1"), { maxLength: 5 }).map((b) => b.join(""));
  const stem = fc.constantFrom("", "1", "0110", "1".repeat(40), "0".repeat(249), "01".repeat(125));
  const leaf = fc.tuple(stem, bits, fc.constantFrom("old", "kept")).map(([head, tail, what]) => {
    const keyHash = hashOfBits(head + tail);
    return { keyHash, valueHash: modelHash(what, keyHash), what };
  });
  const states = fc.uniqueArray(leaf, {
    selector: ({ keyHash }) => keyHash.toString("hex"),
    minLength: 1,
    maxLength: 16,
  });
  let bodies = 0;
  fc.assert(
    fc.property(states, (all) => {
      const kept = all.filter(({ what }) => what === "kept");
      const parts = ["", "0", "5", "6", "f"].flatMap((path) => {
        const under = leavesUnder(all, pathBits(path));
        const changes = deletions(under.filter(({ what }) => what === "old"));
        if (changes.length === 0) return [];
        return [{ path, changes, body: bodyOf(path, changes, treeOf(kept)) }];
      });
      bodies += parts.length;
      const expected = parts.map(({ path, changes }) => ({
        fromNode: modelNode(all, pathBits(path)),
        toNode: modelNode(kept, pathBits(path)),
        puts: 0,
        added: 0,
        deletes: changes.length,
      }));
      const { bytes, tiles } = frameOf(parts);
      assert.deepEqual(batch.fold(bytes, tiles), expected);
      for (const [index, { path, changes, body }] of parts.entries()) {
        const reader = new WireReader(body);
        assert.deepEqual(readChanges(reader), changes);
        const { from, to } = foldDeltaInSteps(path, changes, reader);
        assert.deepEqual([from, to], [expected[index]?.fromNode, expected[index]?.toNode]);
      }
    }),
    { numRuns: 60 },
  );
  assert.ok(bodies > 60, `only ${bodies} deltas had a change`);
});

/** Tiles of three nibbles with one put each, every other one of a new key. */
const puts = modelItems("many", 600).flatMap(({ keyHash, valueHash, item }, index, all) => {
  const path = keyHash.toString("hex").slice(0, 3);
  if (
    all.some(
      (other) => other.keyHash !== keyHash && other.keyHash.toString("hex", 0, 2).startsWith(path),
    )
  ) {
    return [];
  }
  const oldValueHash = index % 2 === 0 ? modelHash("old") : null;
  const change: DeltaChange = { kind: "put", keyHash, item, valueHash, oldValueHash };
  const body = bodyOf(path, [change], treeOf([{ keyHash, valueHash }]));
  const from: TreeNode =
    oldValueHash === null ? EMPTY_NODE : { kind: "leaf", keyHash, valueHash: oldValueHash };
  return [{ path, body, from, to: { kind: "leaf", keyHash, valueHash } as const }];
});

test("more tiles than are folded at once", () => {
  assert.ok(puts.length > 300, `${puts.length} tiles`);
  const { bytes, tiles } = frameOf(puts);
  const expected = puts.map(({ from, to }) => ({
    fromNode: from,
    toNode: to,
    puts: 1,
    added: from.kind === "empty" ? 1 : 0,
    deletes: 0,
  }));
  assert.deepEqual(foldDeltaTiles(bytes, tiles), expected);
});

test("one that is wrong: none together, and each of the others by itself", () => {
  const some = puts.slice(0, 8);
  for (const [index, { path, body }] of some.entries()) {
    const parts = some.map((part, i) =>
      i === index ? { path, body: body.subarray(0, -1) } : part,
    );
    const { bytes, tiles } = frameOf(parts);
    assert.equal(foldDeltaTiles(bytes, tiles), null);
    for (const [i, part] of parts.entries()) {
      const fold = () => foldDeltaChunk(part.path, part.body);
      if (i === index) assert.throws(fold, { reason: "PROOF_INVALID", message: /^Byte \d{1,3}:/ });
      else assert.deepEqual(fold().toNode, some[i]?.to);
    }
  }
  const elsewhere = frameOf(some.map(({ body }, i) => ({ path: some[7 - i]?.path ?? "", body })));
  assert.equal(foldDeltaTiles(elsewhere.bytes, elsewhere.tiles), null);
});

test("a path of more digits than a key hash has is none, whatever is under it", () => {
  for (let n = 0; n < 64; n++) {
    const key = Buffer.from(`key ${n}`);
    const keyHash = modelHash(key);
    const value = Buffer.from("value");
    const valueHash = modelHash(value);
    const item = encodeStateItem(key, value);
    const change: DeltaChange = { kind: "put", keyHash, item, valueHash, oldValueHash: null };
    const whole = keyHash.toString("hex");
    const body = bodyOf(whole, [change], treeOf([{ keyHash, valueHash }]));
    const longer = `${whole}0`;
    assert.equal(foldDeltaTiles(body, [{ path: longer, start: 0, end: body.length }]), null);
    assert.throws(() => foldDeltaChunk(longer, body), { reason: "PROOF_INVALID" });
    const chunk = new WireWriter().field(0x32, item).finish();
    assert.equal(foldChunk(whole, chunk).items, 1);
    assert.throws(() => foldChunk(longer, chunk), { reason: "PROOF_INVALID" });
  }
});

test("a delta with more leaves than fit is folded in steps", () => {
  const leaves = ascending(
    Array.from({ length: 33_000 }, (_, i) => {
      const keyHash = modelHash(`many ${i}`);
      return { keyHash, valueHash: keyHash };
    }),
  );
  const body = bodyOf(
    "",
    deletions(leaves),
    treeBy(() => EMPTY_NODE),
  );
  assert.equal(batch.fold(body, [{ path: "", start: 0, end: body.length }]), null);
  const { fromNode, toNode, deletes } = foldDeltaChunk("", body);
  let last = hashOfBits("");
  const fold = new AscendingFold<TreeNode>({
    empty: EMPTY_NODE,
    inner: combine,
    bit: (depth) => bitAt(last, depth),
  });
  for (const { keyHash, valueHash } of leaves) {
    if (fold.leaves > 0) fold.part(commonBits(last, keyHash));
    last = keyHash;
    fold.push({ kind: "leaf", keyHash, valueHash });
  }
  assert.deepEqual([fromNode, toNode, deletes], [fold.finish(0), EMPTY_NODE, 33_000]);
});
