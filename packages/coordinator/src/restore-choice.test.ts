// Goal: which state `restore` takes, and which snapshot a person names.
import assert from "node:assert/strict";
import test from "node:test";
import { DamageError } from "@holdfast/archive";
import { findSnapshot } from "./find-snapshot.js";
import type { HistoryLine } from "./histories.js";
import { chooseChain, type StateWish } from "./restore-choice.js";
import type { ArchivedSnapshot } from "./snapshot-view.js";

const genesis: HistoryLine = { historyId: "aa11", forkVersion: null };
const fork: HistoryLine = { historyId: "bb22", forkVersion: 5n };

function snapshot(
  version: bigint,
  histories: readonly HistoryLine[],
  base: bigint | null = null,
): ArchivedSnapshot {
  const historyId = histories[0]?.historyId ?? "";
  const kind = base === null ? "full" : "delta";
  const rootAt = (at: bigint): string => `${at <= 5n ? "aa11" : historyId} ${at}`;
  return {
    name: `${version}-${kind}-${historyId}`,
    kind,
    version,
    stateRoot: rootAt(version),
    historyId,
    histories,
    storedBytes: 1,
    base: base === null ? null : { version: base, stateRoot: rootAt(base) },
    createdTime: `2024-01-01T00:00:${`${version}`.padStart(2, "0")}.000Z`,
    get summary(): never {
      throw new Error("no choice looks into the manifest");
    },
  };
}

const archive = [
  snapshot(1n, [genesis]),
  snapshot(4n, [genesis], 1n),
  snapshot(9n, [genesis], 4n),
  snapshot(8n, [fork, genesis], 4n),
  snapshot(12n, [genesis], 9n),
];

function chainFor(wish: StateWish, snapshots = archive): readonly ArchivedSnapshot[] {
  return chooseChain({ snapshots, leftOut: [] }, wish);
}

function names(wish: StateWish): string[] {
  return chainFor(wish).map(({ name }) => name);
}

test("the newest snapshot of the history made last", () => {
  assert.deepEqual(names({}), ["1-full-aa11", "4-delta-aa11", "8-delta-bb22"]);
});

test("the newest at or below a version, a parent's up to the fork", () => {
  assert.deepEqual(names({ toVersion: 7n }), ["1-full-aa11", "4-delta-aa11"]);
  assert.deepEqual(names({ toVersion: 100n }).at(-1), "8-delta-bb22");
});

test("of a history that is named, or a beginning of it", () => {
  for (const history of ["aa11", "AA", "a"]) {
    assert.equal(names({ history }).at(-1), "12-delta-aa11", history);
  }
  assert.throws(() => names({ history: "cc" }), /No history/);
  assert.throws(() => names({ history: "" }), /more than one history/);
});

test("nothing at or below the version, nothing at all, a chain with a hole", () => {
  assert.throws(() => names({ toVersion: 0n }), { code: "SNAPSHOT_NOT_FOUND" });
  assert.throws(() => chainFor({}, []), { code: "SNAPSHOT_NOT_FOUND" });
  assert.throws(() => chainFor({}, archive.slice(1)), { reason: "PROOF_INVALID" });
});

/** What a name means in the archive, where these snapshots have damaged manifests, too. */
function find(text: string, ...damaged: string[]): ArchivedSnapshot {
  const leftOut = damaged.map((name) => {
    const file = `snapshots/${name}.jsonl`;
    return { file, error: new DamageError({ part: "manifest", file, message: "bad." }) };
  });
  return findSnapshot({ snapshots: archive, leftOut }, text);
}

test("a snapshot is named by its name, a beginning, or a version", () => {
  assert.equal(find("4-delta-aa11").version, 4n);
  assert.equal(find("9-d").version, 9n);
  assert.equal(find("8").name, "8-delta-bb22");
  for (const text of ["77", "nothing", "1"]) {
    if (text === "1") assert.equal(find(text).version, 1n);
    else assert.throws(() => find(text), { code: "SNAPSHOT_NOT_FOUND" }, text);
  }
});

test("a damaged manifest matters where it is the one named", () => {
  const bad = "00000000000000000013-full-cc33";
  assert.equal(find("9-d", bad).version, 9n);
  assert.equal(find("8", bad).name, "8-delta-bb22");
  for (const text of [bad, "0000", "13"]) {
    assert.throws(() => find(text, bad), { name: "DamageError" }, text);
  }
  assert.throws(() => find("9-d", "9-delta-damaged"), { reason: "INVALID_REQUEST" });
  assert.throws(() => find("77", bad), { code: "SNAPSHOT_NOT_FOUND" });
});

test("a version is of the history made last that has it", () => {
  const snapshots = archive.map((each): ArchivedSnapshot => {
    const name = each.name.replace(/^\d+/, (digits) => digits.padStart(20, "0"));
    return Object.create(each, { name: { value: name } });
  });
  const at = (text: string): string => findSnapshot({ snapshots, leftOut: [] }, text).historyId;
  assert.deepEqual([at("8"), at("4"), at("9")], ["bb22", "aa11", "aa11"]);
});
