// Goal: the rule of what a backup is to be, case by case. Method: tables of small archives.
import assert from "node:assert/strict";
import test from "node:test";
import {
  type BackupWish,
  type BaseCandidate,
  chainOf,
  chooseBackup,
  newestUsable,
} from "./base-choice.js";

const G = "aa";
const H = "bb";

function full(version: bigint, more: Partial<BaseCandidate> = {}): BaseCandidate {
  return {
    name: `full-${version}-${more.historyId ?? G}`,
    kind: "full",
    version,
    stateRoot: `root ${version}`,
    historyId: G,
    storedBytes: 1_000,
    base: null,
    ...more,
  };
}

function delta(version: bigint, on: bigint, more: Partial<BaseCandidate> = {}): BaseCandidate {
  return full(version, {
    name: `delta-${version}-${more.historyId ?? G}`,
    kind: "delta",
    storedBytes: 10,
    base: { version: on, stateRoot: `root ${on}` },
    ...more,
  });
}

function wish(more: Partial<BackupWish> = {}): BackupWish {
  return {
    version: 100n,
    stateRoot: "root 100",
    histories: [{ historyId: G, forkVersion: null }],
    oldestJournal: 0n,
    forceFull: false,
    ...more,
  };
}

test("an empty archive gets a full snapshot", () => {
  assert.equal(chooseBackup([], wish()).kind, "full");
});

test("a delta builds on the newest snapshot at or below the version", () => {
  const archive = [full(1n), delta(5n, 1n), delta(9n, 5n), delta(200n, 9n)];
  const choice = chooseBackup(archive, wish());
  assert.equal(choice.kind, "delta");
  assert.equal(choice.kind === "delta" && choice.base.version, 9n);
});

test("what is there already is not taken again, unless a full one is asked for", () => {
  const archive = [full(1n), delta(100n, 1n)];
  assert.equal(chooseBackup(archive, wish()).kind, "there");
  assert.equal(chooseBackup(archive, wish({ forceFull: true })).kind, "full");
  assert.equal(chooseBackup([full(100n)], wish({ forceFull: true })).kind, "there");
});

test("the journal, the length and the weight of the chain end a chain", () => {
  const choose = (archive: BaseCandidate[], more: Partial<BackupWish> = {}) => {
    const choice = chooseBackup(archive, wish(more));
    return choice.kind === "full" ? choice.why : choice.kind;
  };
  assert.equal(choose([full(7n)], { oldestJournal: 7n }), "delta");
  assert.match(choose([full(7n)], { oldestJournal: 8n }), /journal/);
  const chain = (deltas: number, storedBytes: number): BaseCandidate[] => [
    full(0n),
    ...Array.from({ length: deltas }, (_, index) =>
      delta(BigInt(index + 1), BigInt(index), { storedBytes }),
    ),
  ];
  assert.equal(choose(chain(15, 1)), "delta");
  assert.match(choose(chain(16, 1)), /16 deltas/);
  assert.equal(choose(chain(1, 499)), "delta");
  assert.match(choose(chain(1, 500)), /weigh/);
  assert.match(choose([delta(5n, 1n)]), /not complete/);
});

test("a chain uses a parent history's snapshots only up to the fork", () => {
  const archive = [full(1n), delta(5n, 1n), delta(9n, 5n)];
  const histories = [
    { historyId: H, forkVersion: 6n },
    { historyId: G, forkVersion: null },
  ];
  const choice = chooseBackup(archive, wish({ histories }));
  assert.equal(choice.kind === "delta" && choice.base.version, 5n);
  const foreign = chooseBackup(
    archive,
    wish({ histories: [{ historyId: "cc", forkVersion: null }] }),
  );
  assert.equal(foreign.kind, "full");
});

test("the lowest fork on the way counts", () => {
  const histories = [
    { historyId: "cc", forkVersion: 3n },
    { historyId: H, forkVersion: 6n },
    { historyId: G, forkVersion: null },
  ];
  const archive = [full(1n), full(4n, { historyId: G }), full(3n, { historyId: H })];
  assert.equal(newestUsable(archive, histories, null)?.version, 3n);
});

test("of two at one version the full one is taken, and a chain ends at it", () => {
  const archive = [full(1n), delta(5n, 1n), full(5n, { name: "synthetic" }), delta(9n, 5n)];
  assert.equal(newestUsable(archive, wish().histories, 6n)?.name, "synthetic");
  const top = archive[3];
  assert.ok(top !== undefined);
  assert.deepEqual(
    chainOf(archive, top)?.map(({ name }) => name),
    ["synthetic", "delta-9-aa"],
  );
});

test("of two deltas of one state the one whose base is there makes the chain", () => {
  const top = delta(9n, 5n);
  const twins = [delta(5n, 4n, { name: "on 4" }), delta(5n, 1n, { name: "on 1" })];
  assert.deepEqual(
    chainOf([full(1n), ...twins, top], top)?.map(({ name }) => name),
    ["full-1-aa", "on 1", "delta-9-aa"],
  );
  assert.equal(chainOf([...twins, top], top), null);
  const circle = [delta(5n, 9n), delta(9n, 5n)] as const;
  assert.equal(chainOf(circle, circle[0]), null);
});
