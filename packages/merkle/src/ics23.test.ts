// Goal: other people's verifiers take the proofs.
// Method: @confio/ics23 for existence. It knows neither prehash_key_before_comparison nor
// empty_child, so absence is checked by a verifier written here from ICS 23
// (github.com/cosmos/ics23, verifyNonExistence and its helpers).
import assert from "node:assert/strict";
import test from "node:test";
import { ics23, verifyMembership } from "@confio/ics23";
import { ICS23_SPEC, ics23Absence, ics23Existence, nodeHash } from "./index.js";
import {
  type ModelItem,
  modelHash,
  modelItem,
  modelItems,
  modelNode,
  modelProof,
} from "./test-support/model-tree.js";

const NOT_EXPRESSIBLE = { reason: "PROOF_NOT_EXPRESSIBLE" };
const rootOf = (items: readonly ModelItem[]): Buffer => nodeHash(modelNode(items, ""));
const filled = (items: readonly ModelItem[]): ModelItem[] =>
  items.map(({ key, value }) => modelItem(key, Buffer.concat([value, Buffer.from("!")])));

test("@confio/ics23 takes proofs of existence, for the right key, value and root only", () => {
  for (const count of [1, 2, 3, 50]) {
    const items = filled(modelItems(`ics23 ${count}`, count));
    const root = rootOf(items);
    for (const { key, value, keyHash } of items) {
      const bytes = ics23Existence(key, value, modelProof(items, keyHash).siblings);
      const proof = ics23.CommitmentProof.decode(bytes);
      const accepts = (r: Buffer, k: Buffer, v: Buffer): boolean =>
        verifyMembership(proof, ICS23_SPEC, r, k, v);
      assert.equal(accepts(root, key, value), true);
      assert.equal(accepts(root, key, Buffer.from("other")), false);
      assert.equal(accepts(root, Buffer.from("other"), value), false);
      assert.equal(accepts(modelHash("other"), key, value), false);
    }
  }
});

test("siblings below the place to which the leaf has risen make no difference", () => {
  const items = filled(modelItems("risen", 30));
  const [item] = items;
  assert.ok(item !== undefined);
  const { siblings } = modelProof(items, item.keyHash);
  const lower = [{ kind: "empty" } as const, { kind: "empty" } as const, ...siblings];
  assert.deepEqual(
    ics23Existence(item.key, item.value, lower),
    ics23Existence(item.key, item.value, siblings),
  );
});

test("absence is proved by the neighbours, and by no others", () => {
  for (const count of [1, 2, 3, 50]) {
    const items = filled(modelItems(`ics23 absence ${count}`, count));
    const root = rootOf(items);
    const proofOf = (item: ModelItem | undefined) =>
      item === undefined
        ? null
        : {
            key: item.key,
            value: item.value,
            siblings: modelProof(items, item.keyHash).siblings,
          };
    for (let i = 0; i < 40; i++) {
      const key = Buffer.from(`absent ${i}`);
      const right = items.findIndex(({ keyHash }) => Buffer.compare(keyHash, modelHash(key)) > 0);
      const at = right === -1 ? items.length : right;
      const proof = (left: number, next: number): Buffer =>
        ics23Absence(key, proofOf(items[left]), proofOf(items[next]));
      const bytes = proof(at - 1, at);
      assert.equal(provesAbsence(bytes, root, key), true, `key ${i} among ${count}`);
      assert.equal(provesAbsence(bytes, modelHash("other"), key), false);
      assert.equal(provesAbsence(bytes, root, items[0]?.key ?? key), false);
      // A hole beside the key would let another key hide.
      if (at >= 2) assert.equal(provesAbsence(proof(at - 2, at), root, key), false);
      if (at + 1 < items.length)
        assert.equal(provesAbsence(proof(at - 1, at + 1), root, key), false);
      if (at >= 1 && at < items.length) {
        assert.equal(provesAbsence(proof(-1, at), root, key), false);
        assert.equal(provesAbsence(proof(at - 1, items.length), root, key), false);
      }
    }
  }
});

test("what ICS 23 cannot say is refused", () => {
  const key = Buffer.from("key");
  const empty = { key, value: Buffer.alloc(0), siblings: [] };
  assert.throws(() => ics23Existence(key, empty.value, []), NOT_EXPRESSIBLE);
  assert.throws(() => ics23Absence(key, null, null), NOT_EXPRESSIBLE);
  assert.throws(() => ics23Absence(key, empty, null), NOT_EXPRESSIBLE);
  assert.throws(() => ics23Absence(key, null, empty), NOT_EXPRESSIBLE);
});

/** verifyNonExistence of ICS 23, for this spec: two children of 32 bytes, hashed keys. */
function provesAbsence(bytes: Buffer, root: Buffer, key: Buffer): boolean {
  const { left, right } = ics23.CommitmentProof.decode(bytes).nonexist ?? {};
  for (const side of [left, right]) {
    if (!side) continue;
    const proof = ics23.CommitmentProof.fromObject({ exist: side });
    const { key: sideKey, value } = side;
    if (!sideKey || !value) return false;
    if (!verifyMembership(proof, ICS23_SPEC, root, sideKey, value)) return false;
  }
  const keyHash = modelHash(key);
  if (left?.key && Buffer.compare(modelHash(left.key), keyHash) >= 0) return false;
  if (right?.key && Buffer.compare(keyHash, modelHash(right.key)) >= 0) return false;
  const leftPath = left?.path ?? [];
  const rightPath = right?.path ?? [];
  if (left && right) return areNeighbours(leftPath, rightPath);
  if (right) return rightPath.every((op) => isBorder(op, 0));
  return left ? leftPath.every((op) => isBorder(op, 1)) : false;
}

/** ensureLeftNeighbor: below the node where the paths part, left keeps right and right left. */
function areNeighbours(left: readonly ics23.IInnerOp[], right: readonly ics23.IInnerOp[]): boolean {
  let common = 0;
  const fromTop = (path: readonly ics23.IInnerOp[], i: number): ics23.IInnerOp | undefined =>
    path[path.length - 1 - i];
  for (;;) {
    const [l, r] = [fromTop(left, common), fromTop(right, common)];
    if (l === undefined || r === undefined) return false;
    if (!sameBytes(l.prefix, r.prefix) || !sameBytes(l.suffix, r.suffix)) break;
    common++;
  }
  const [l, r] = [fromTop(left, common), fromTop(right, common)];
  if (l === undefined || r === undefined || branchOf(l) !== 0 || branchOf(r) !== 1) return false;
  return (
    left.slice(0, left.length - 1 - common).every((op) => isBorder(op, 1)) &&
    right.slice(0, right.length - 1 - common).every((op) => isBorder(op, 0))
  );
}

/** orderFromPadding: which child the path goes through. */
function branchOf(op: ics23.IInnerOp): 0 | 1 | null {
  const [prefix, suffix] = [op.prefix?.length ?? 0, op.suffix?.length ?? 0];
  if (prefix === 16 && suffix === 32) return 0;
  return prefix === 48 && suffix === 0 ? 1 : null;
}

/** The step goes through the outermost child (0 left, 1 right), or what is outside is empty. */
function isBorder(op: ics23.IInnerOp, side: 0 | 1): boolean {
  const branch = branchOf(op);
  if (branch === side) return true;
  const outside = branch === 0 ? op.suffix : branch === 1 ? op.prefix?.subarray(16) : null;
  return outside ? sameBytes(outside, ICS23_SPEC.innerSpec.emptyChild) : false;
}

function sameBytes(a: Uint8Array | null | undefined, b: Uint8Array | null | undefined): boolean {
  return Buffer.compare(a ?? Buffer.alloc(0), b ?? Buffer.alloc(0)) === 0;
}
