// Goal: large transactions have the disk at work early, small ones do not, and neither their
// result nor their errors depend on it.
// Method: a real environment; the thread counts its syncs.
import { strict as assert } from "node:assert";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { temporaryDirectory } from "@holdfast/testing";
import { EarlySync } from "./early-sync.js";
import { type GenerationEnv, openGenerationEnv } from "./generation-env.js";

const ROW_BYTES = 4_096;
/** 8 MiB. */
const ROWS = 2_048;
/** The thread needs some time to start; transactions take milliseconds. */
const TRANSACTIONS_MAX = 1_000;

function write(env: GenerationEnv, fill: number, rows: number): void {
  for (let row = 0; row < rows; row++) {
    env.transactions.putSync(Buffer.from(`row ${row}`), Buffer.alloc(ROW_BYTES, fill));
  }
}

test("the thread syncs while large transactions are written, and not for small ones", async () => {
  await using folder = await temporaryDirectory();
  const env = openGenerationEnv(folder.path);
  const early = new EarlySync(folder.path);
  for (let small = 0; small < 10; small++) {
    early.transaction(env.root, ROW_BYTES, () => write(env, small, 1));
  }
  assert.equal(early.syncs, 0);
  let transactions = 0;
  while (early.syncs === 0) {
    assert.ok(transactions < TRANSACTIONS_MAX, "the thread never syncs");
    early.transaction(env.root, ROWS * ROW_BYTES, () => write(env, transactions, ROWS));
    transactions += 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  early.close();
  await env.close();

  const again = openGenerationEnv(folder.path);
  const last = Buffer.alloc(ROW_BYTES, transactions - 1);
  for (let row = 0; row < ROWS; row++) {
    assert.deepEqual(again.transactions.get(Buffer.from(`row ${row}`)), last);
  }
  await again.close();
});

test("a large transaction that fails leaves nothing behind, and the next one is whole", async () => {
  await using folder = await temporaryDirectory();
  const env = openGenerationEnv(folder.path);
  const early = new EarlySync(folder.path);
  const fail = (): void => {
    write(env, 1, ROWS);
    throw new Error("of the caller");
  };
  assert.throws(() => early.transaction(env.root, ROWS * ROW_BYTES, fail), /of the caller/);
  assert.equal(env.transactions.get(Buffer.from("row 0")), undefined);
  early.transaction(env.root, ROWS * ROW_BYTES, () => write(env, 2, ROWS));
  assert.deepEqual(env.transactions.get(Buffer.from("row 7")), Buffer.alloc(ROW_BYTES, 2));
  early.close();
  await env.close();
});

test("when the disk does not take what the thread syncs, nothing more is durable", async () => {
  await using folder = await temporaryDirectory();
  await using other = await temporaryDirectory();
  // There is nothing to sync in it, and the system says so with an error.
  await symlink("/dev/null", join(other.path, "data.mdb"));
  const env = openGenerationEnv(folder.path);
  const early = new EarlySync(other.path);
  const large = (): void =>
    early.transaction(env.root, ROWS * ROW_BYTES, () => write(env, 1, ROWS));
  await assert.rejects(async () => {
    for (let count = 0; count < TRANSACTIONS_MAX; count++) {
      large();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }, /could not be synced/);
  assert.throws(large, /could not be synced/);
  const small = (): void => early.transaction(env.root, ROW_BYTES, () => write(env, 9, 1));
  assert.throws(small, /could not be synced/);
  assert.deepEqual(env.transactions.get(Buffer.from("row 0")), Buffer.alloc(ROW_BYTES, 1));
  early.close();
  await env.close();
});
