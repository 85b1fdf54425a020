// Goal: a restore over a store that has more is refused, one that loses nothing is not.
import assert from "node:assert/strict";
import test from "node:test";
import { HoldfastError } from "@holdfast/core";
import { EMPTY_HASH } from "@holdfast/merkle";
import type { LiveState } from "./ports.js";
import { checkLedger, checkNamed, checkNothingLost, liveName } from "./replace-rule.js";

const id = (letter: string): Buffer => Buffer.alloc(16, letter);
const root = (letter: string): Buffer => Buffer.alloc(32, letter);
const EMPTY: LiveState = {
  ledgerId: null,
  histories: [],
  committed: null,
  stateRoot: EMPTY_HASH,
};

function live(history: string, committed: bigint): LiveState {
  return {
    ledgerId: id("l"),
    histories: [{ historyId: id(history), forkVersion: null }],
    committed,
    stateRoot: root("r"),
  };
}

/** A backup of version 100 of history c, which left b at 80, which left a at 50. */
const plan = {
  histories: [
    { historyId: id("c"), forkVersion: 80n },
    { historyId: id("b"), forkVersion: 50n },
    { historyId: id("a"), forkVersion: null },
  ],
  info: {
    version: 100n,
    commitTimeUs: 0n,
    payloadHash: root("p"),
    writeSetHash: root("w"),
    eventRoot: root("e"),
    stateRoot: root("s"),
  },
};

function outcome(check: () => void): string {
  try {
    check();
    return "ok";
  } catch (error) {
    assert.ok(error instanceof HoldfastError, String(error));
    return error.reason;
  }
}

test("nothing is lost up to where both lines part", () => {
  const lost = "LIVE_STATE_WOULD_BE_LOST";
  const table: readonly (readonly [LiveState, string])[] = [
    [EMPTY, "ok"],
    [live("c", 100n), "ok"],
    [live("c", 99n), "ok"],
    [live("c", 101n), lost],
    [live("b", 80n), "ok"],
    [live("b", 81n), lost],
    [live("a", 50n), "ok"],
    [live("a", 51n), lost],
    [live("x", 1n), lost],
  ];
  for (const [state, expected] of table) {
    const name = `${state.histories[0]?.historyId} at ${state.committed}`;
    assert.equal(
      outcome(() => checkNothingLost(state, plan)),
      expected,
      name,
    );
  }
});

test("the live state must be the one that was named", () => {
  const current = live("a", 7n);
  const named = liveName(current);
  assert.equal(
    outcome(() => checkNamed(current, named)),
    "ok",
  );
  assert.equal(
    outcome(() => checkNamed(EMPTY, liveName(EMPTY))),
    "ok",
  );
  const others = [
    liveName(EMPTY),
    { ...named, committed: 6n },
    { ...named, historyId: id("b") },
    { ...named, stateRoot: root("x") },
  ];
  for (const other of others) {
    assert.equal(
      outcome(() => checkNamed(current, other)),
      "LIVE_STATE_CHANGED",
    );
  }
  assert.equal(
    outcome(() => checkNamed(EMPTY, named)),
    "LIVE_STATE_CHANGED",
  );
});

test("a store is never turned into another ledger", () => {
  assert.equal(
    outcome(() => checkLedger(EMPTY, id("m"))),
    "ok",
  );
  assert.equal(
    outcome(() => checkLedger(live("a", 1n), id("l"))),
    "ok",
  );
  assert.equal(
    outcome(() => checkLedger(live("a", 1n), id("m"))),
    "LEDGER_MISMATCH",
  );
});
