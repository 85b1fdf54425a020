// Goal: a plan passes only when its tiles are small, in order and fold to the root.
import assert from "node:assert/strict";
import test from "node:test";
import { HoldfastError } from "@holdfast/core";
import { EMPTY_HASH, foldChunk, nodeHash } from "@holdfast/merkle";
import { SeededRandom } from "@holdfast/testing";
import { PlanCheck, type PlanTotals } from "./plan-check.js";
import {
  decodePlanRow,
  doneRow,
  encodePlanRow,
  isDone,
  type PlanTile,
  sameTile,
} from "./plan-row.js";
import { chunkBody, itemsOf, tilesOf } from "./restore.test-support.js";

const HEAD = Buffer.from("head");

function planOf(seed: number): { tiles: PlanTile[]; totals: PlanTotals } {
  const items = itemsOf(new SeededRandom(seed), 120);
  const tiles = tilesOf(items, 6).map(({ path, items: own }): PlanTile => {
    return { path, ...foldChunk(path, chunkBody(own)) };
  });
  const totals = {
    tileCount: tiles.length,
    items: BigInt(items.length),
    bytes: BigInt(tiles.reduce((sum, { bytes }) => sum + bytes, 0)),
    stateRoot: nodeHash(foldChunk("", chunkBody(items)).node),
  };
  return { tiles, totals };
}

function digestOf(tiles: readonly PlanTile[], totals: PlanTotals, head: Buffer = HEAD): string {
  const check = new PlanCheck(totals, head);
  for (const tile of tiles) check.add(tile);
  return check.finish().toString("hex");
}

const invalid = (error: unknown): boolean =>
  error instanceof HoldfastError && error.reason === "PROOF_INVALID";

test("a right plan passes, and its digest depends on all of it", () => {
  const { tiles, totals } = planOf(1);
  const digest = digestOf(tiles, totals);
  assert.equal(digestOf(tiles, totals), digest);
  assert.notEqual(digestOf(tiles, totals, Buffer.from("another head")), digest);
  const empty = { tileCount: 0, items: 0n, bytes: 0n, stateRoot: EMPTY_HASH };
  assert.notEqual(digestOf([], empty), digest);
});

test("a plan that differs in anything is refused", () => {
  const { tiles, totals } = planOf(2);
  const [first] = tiles;
  const inner = tiles.findIndex(({ node }) => node.kind === "inner");
  const leaf = tiles.findIndex(({ node }) => node.kind === "leaf");
  assert.ok(first !== undefined && inner >= 0 && leaf >= 0);
  const changed = (index: number, changes: Partial<PlanTile>): PlanTile[] =>
    tiles.map((tile, at) => (at === index ? { ...tile, ...changes } : tile));
  const wrong: readonly (readonly PlanTile[])[] = [
    tiles.slice(1),
    tiles.slice(0, -1),
    [...tiles, first],
    [...tiles].reverse(),
    changed(0, { items: first.items + 1 }),
    changed(0, { bytes: first.bytes + 1 }),
    changed(0, { items: 0 }),
    changed(0, { bytes: 2 ** 50 }),
    changed(0, { node: { kind: "empty" } }),
    changed(0, { path: "" }),
    changed(0, { path: "XY" }),
    changed(inner, { node: { kind: "inner", hash: Buffer.alloc(32) } }),
    changed(inner, { items: 1 }),
    changed(inner, { bytes: 131_073 }),
    changed(leaf, { items: 2 }),
  ];
  for (const [index, plan] of wrong.entries()) {
    assert.throws(() => digestOf(plan, totals), invalid, `plan ${index}`);
  }
  const otherRoot = { ...totals, stateRoot: Buffer.alloc(32) };
  assert.throws(() => digestOf(tiles, otherRoot), invalid);
});

test("a plan row survives the disk, done or not", () => {
  const { tiles } = planOf(3);
  for (const tile of tiles) {
    const row = encodePlanRow(tile);
    assert.deepEqual(decodePlanRow(tile.path, row), { tile, done: false });
    assert.deepEqual(decodePlanRow(tile.path, doneRow(row)), { tile, done: true });
    assert.ok(sameTile(row, doneRow(row)) && !isDone(row));
    assert.throws(() => decodePlanRow(tile.path, row.subarray(1)), HoldfastError);
  }
});
