// Goal: a thread that proves tiles is there when it was prepared, once, and gone when it rests.
// Method: real threads, counted by the message ports that keep a process alive.
import assert from "node:assert/strict";
import test from "node:test";
import { HoldfastError } from "@holdfast/core";
import { TilePool } from "./tile-pool.js";

const NEVER: AbortSignal = new AbortController().signal;

function threads(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length;
}

test("a prepared thread is the one that proves, and ends when it rests", async () => {
  const before = threads();
  const pool = new TilePool(2);
  pool.prepare();
  pool.prepare();
  assert.equal(threads() - before, 1);
  const body = new Uint8Array(8);
  const batch = { body, tiles: [{ path: "a", end: body.length }] };
  const proved = pool.prove(0n, batch, NEVER);
  assert.equal(threads() - before, 1);
  pool.prepare();
  assert.equal(threads() - before, 1, "there is one that will be free");
  await assert.rejects(proved, (error) => {
    return error instanceof HoldfastError && error.reason === "PROOF_INVALID";
  });
  await pool.rest();
  assert.equal(threads(), before);
});
