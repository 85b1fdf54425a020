// Goal: a thread that proves tiles is there when it was prepared, once, and gone when it rests.
// Method: real threads, counted by the message ports that keep a process alive.
import assert from "node:assert/strict";
import test from "node:test";
import { HoldfastError } from "@holdfast/core";
import type { ProvedBatch } from "../restore/tile-prover.js";
import { TilePool, tileThread } from "./tile-pool.js";

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
  const proved = proveNoTile(pool);
  assert.equal(threads() - before, 1);
  pool.prepare();
  assert.equal(threads() - before, 1, "there is one that will be free");
  await assert.rejects(proved, isRefused);
  await pool.rest();
  assert.equal(threads(), before);
});

test("where the system gives no thread a batch waits for one that is there, or fails", async () => {
  let threadsLeft = 0;
  const pool = new TilePool(2, () => {
    if (threadsLeft-- <= 0) throw new Error("no more threads");
    return tileThread();
  });
  pool.prepare();
  await assert.rejects(proveNoTile(pool), /no more threads/);
  threadsLeft = 1;
  const both = [proveNoTile(pool), proveNoTile(pool)];
  await Promise.all(both.map((proved) => assert.rejects(proved, isRefused)));
  await pool.rest();
});

/** Asks for the proof of what is no tile: a thread says so. */
function proveNoTile(pool: TilePool): Promise<ProvedBatch> {
  const body = new Uint8Array(8);
  return pool.prove(0n, { body, tiles: [{ path: "a", end: body.length }] }, NEVER);
}

function isRefused(error: unknown): boolean {
  return error instanceof HoldfastError && error.reason === "PROOF_INVALID";
}
