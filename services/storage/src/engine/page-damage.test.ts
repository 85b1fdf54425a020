// Goal: a page that a disk has spoiled is ROW_CORRUPT to who reads it, and nobody else notices.
// Method: zeros over the root page of one database after the other.
import { strict as assert } from "node:assert";
import test from "node:test";
import { sha256 } from "@holdfast/merkle";
import { transactionOf } from "../test-support/blocks.js";
import { spoilRootPage } from "../test-support/spoil-page.js";
import { TestStore } from "../test-support/test-store.js";
import { shardOf } from "./schema.js";

const CORRUPT = { reason: "ROW_CORRUPT", message: /page/ };
const keys: readonly string[] = Array.from({ length: 200 }, (_, index) => `key ${index}`);
const hashes: readonly Buffer[] = keys.map((key) => sha256(Buffer.from(key)));
const everything = (): boolean => true;

test("a reader tells of it", async () => {
  await using store = await TestStore.open();
  store.commit([transactionOf(Object.fromEntries(keys.map((key) => [key, "value"])))]);
  const { env, reader } = store;
  const shard = shardOf(hashes[0] ?? assert.fail());
  const name = shard.toString(16);
  const reads: readonly (readonly [string, () => unknown])[] = [
    [`state.${name}`, () => reader.row(hashes[0] ?? assert.fail(), 0n)],
    [`state.${name}`, () => reader.itemsBehind(null, 0n, 10_000, everything)],
    [`nodes.${name}`, () => reader.node(0n, name)],
    [`journal.${name}`, () => reader.journal(shard, -1n, 0n, Buffer.alloc(32), null, everything)],
    ["infos", () => reader.info(0n)],
    ["checkpoints", () => reader.checkpointsAround(1n)],
  ];
  for (const [database, read] of reads) {
    spoilRootPage(env, database);
    reader.refresh();
    assert.throws(read, CORRUPT, database);
    reader.release();
  }
  reader.refresh();
  const other = hashes.find((hash) => shardOf(hash) !== shard) ?? assert.fail();
  assert.notEqual(reader.row(other, 0n), null, "another database");
  reader.release();
});
