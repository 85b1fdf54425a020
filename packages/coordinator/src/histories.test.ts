// Goal: which history an archive's snapshots belong to, and which was made last.
import assert from "node:assert/strict";
import test from "node:test";
import {
  type HistoricSnapshot,
  type HistoryLine,
  knownHistories,
  usableUpTo,
} from "./histories.js";

const genesis: HistoryLine = { historyId: "aa", forkVersion: null };
const first: HistoryLine = { historyId: "bb", forkVersion: 10n };
const second: HistoryLine = { historyId: "cc", forkVersion: 4n };

function taken(at: string, ...histories: HistoryLine[]): HistoricSnapshot {
  return { version: 1n, histories, createdTime: `2024-01-01T00:00:${at}.000Z` };
}

function order(...snapshots: HistoricSnapshot[]): (string | undefined)[] {
  return knownHistories(snapshots).map(([own]) => own?.historyId);
}

test("snapshots of the current history count without bound, of parents up to the fork", () => {
  assert.equal(usableUpTo([second, first, genesis], "cc"), "any");
  assert.equal(usableUpTo([second, first, genesis], "bb"), 4n);
  assert.equal(usableUpTo([second, first, genesis], "aa"), 4n);
  assert.equal(usableUpTo([first, genesis], "cc"), null);
});

test("a history is made later than its parents, whenever they were backed up", () => {
  assert.deepEqual(order(taken("30", genesis), taken("10", first, genesis)), ["bb", "aa"]);
  assert.deepEqual(order(taken("10", second, first, genesis)), ["cc", "bb", "aa"]);
});

test("of two children of one history the one first backed up later was made later", () => {
  assert.deepEqual(
    order(
      taken("10", genesis),
      taken("20", first, genesis),
      taken("30", second, genesis),
      taken("50", first, genesis),
    ),
    ["cc", "bb", "aa"],
  );
});

test("an archive without snapshots has no history", () => assert.deepEqual(order(), []));

test("histories that are each other's parent are refused", () => {
  const [a, b] = [
    { historyId: "dd", forkVersion: 1n },
    { historyId: "ee", forkVersion: 2n },
  ];
  assert.throws(() => order(taken("10", a, b, a)), { reason: "PROOF_INVALID" });
});

// Comparing each with each of the others' parents, it took longer than a test may.
test("a store that was restored three thousand times is ordered at once", () => {
  const line = Array.from({ length: 3_000 }, (_, index) => ({
    historyId: `${index}`,
    forkVersion: index === 2_999 ? null : BigInt(3_000 - index),
  }));
  assert.deepEqual(
    order(taken("10", ...line.slice(1_000)), taken("20", ...line)),
    line.map(({ historyId }) => historyId),
  );
});
