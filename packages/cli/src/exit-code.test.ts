// Goal: scripts rely on exit codes and on the printed error. Method: a table of failures.
import assert from "node:assert/strict";
import test from "node:test";
import { ArchiveError } from "@holdfast/archive";
import { HoldfastError, REASONS, type Reason } from "@holdfast/core";
import { exitCodeOf } from "./exit-code.js";
import { failureOf } from "./failure.js";
import { fileError } from "./file-error.js";
import { Interrupted } from "./interrupted.js";

const CODES: Partial<Record<Reason, number>> = {
  ROW_CORRUPT: 3,
  PROOF_INVALID: 3,
  LEASE_HELD: 4,
  RESTORE_IN_PROGRESS: 4,
  FENCED: 4,
  NO_SLOT: 6,
  DEADLINE_EXCEEDED: 6,
  STALLED: 6,
  DRAINING: 6,
  STORAGE_UNAVAILABLE: 6,
  ENGINE_FAILED: 6,
};

test("every reason of the contract has its exit code", () => {
  for (const reason of Object.keys(REASONS) as Reason[]) {
    assert.equal(exitCodeOf(new HoldfastError(reason, "text")), CODES[reason] ?? 1, reason);
  }
});

test("archives, signals, files and faults", () => {
  assert.equal(exitCodeOf(new ArchiveError("DAMAGED", "text")), 3);
  assert.equal(exitCodeOf(new ArchiveError("LEDGER_MISMATCH", "text")), 1);
  assert.equal(exitCodeOf(new Interrupted("SIGINT")), 130);
  assert.equal(exitCodeOf(new Interrupted("SIGTERM")), 143);
  assert.equal(exitCodeOf(new TypeError("text")), 1);
  const missing = Object.assign(new Error("x"), { code: "ENOENT", errno: -2 });
  assert.equal(exitCodeOf(fileError("/no", missing)), 1);
  const { reason, metadata } = failureOf(fileError("/no", missing));
  assert.equal(reason, "FILE_ERROR");
  assert.deepEqual(metadata, { errno: "ENOENT", path: "/no" });
});

test("credentials that a server refuses", () => {
  for (const code of [7, 16]) {
    const cause = Object.assign(new Error("no"), { code });
    assert.equal(exitCodeOf(new HoldfastError("INTERNAL", "text", { cause })), 7);
  }
});

test("a failure tells reason, status, metadata and when to come back", () => {
  const error = new HoldfastError("LEASE_HELD", "text", {
    metadata: { holder: "me" },
    retryAfterMs: 1_500,
  });
  assert.deepEqual(failureOf(error), {
    reason: "LEASE_HELD",
    code: "ABORTED",
    message: "text",
    metadata: { holder: "me" },
    retryAfterSeconds: 1.5,
  });
});
