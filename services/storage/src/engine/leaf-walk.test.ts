// Goal: a walk over leaf pages meets exactly the keys and values that LMDB's own cursor does, from
// any start, in trees of every depth, whatever was written and deleted between walks; and a page
// that cannot be is an error.
// Method: random databases, changed round by round, read both ways; then damaged files.
import { strict as assert } from "node:assert";
import { open as openFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { HoldfastError } from "@holdfast/core";
import { SeededRandom, temporaryDirectory } from "@holdfast/testing";
import { type GenerationEnv, openGenerationEnv } from "./generation-env.js";
import { LeafWalk } from "./leaf-walk.js";
import { NODE_BIG_VALUE, NODE_HEAD_BYTES } from "./lmdb-page.js";
import { PageFile } from "./page-file.js";

const NAME = "state.7";
const SHARD = 7;
/** Above it LMDB gives a value pages of its own. */
const BIG_VALUE_BYTES = 2_500;

type Entry = readonly [key: string, value: string];

function cursorEntries({ state }: GenerationEnv, start: Buffer): Entry[] {
  const rows = state[SHARD]?.getRange({ start }) ?? [];
  return [...rows].map(({ key, value }) => [key.toString("hex"), value.toString("hex")]);
}

function walkEntries(walk: LeafWalk, file: PageFile, start: Buffer): Entry[] {
  const entries: Entry[] = [];
  for (let isMore = walk.seek(start); isMore; isMore = walk.next()) {
    const { memory, pageAt } = walk;
    for (let index = walk.first; index < walk.nodes; index++) {
      const at = memory.nodeAt(pageAt, index);
      const keyAt = at + NODE_HEAD_BYTES;
      const valueAt = keyAt + memory.bytes.readUInt16LE(at + 6);
      const key = memory.bytes.toString("hex", keyAt, valueAt);
      const value = Buffer.alloc(memory.bytes.readUInt32LE(at));
      if ((memory.bytes.readUInt16LE(at + 4) & NODE_BIG_VALUE) === 0) {
        memory.bytes.copy(value, 0, valueAt, valueAt + value.length);
      } else {
        const page = Number(memory.bytes.readBigUInt64LE(valueAt));
        assert.equal(file.readValue(page, value.length, value, 0), value.length);
      }
      entries.push([key, value.toString("hex")]);
    }
  }
  return entries;
}

test("a walk meets what LMDB's cursor meets, before and after changes", async (t) => {
  const random = new SeededRandom(SeededRandom.seedFromEnvironment());
  t.diagnostic(`SEED=${random.seed}`);
  await using directory = await temporaryDirectory();
  const env = openGenerationEnv(directory.path);
  const file = new PageFile(env.path);
  const walk = new LeafWalk(env, file, NAME);
  const state = env.state[SHARD];
  assert.ok(state);
  const keys: Buffer[] = [];
  try {
    for (const puts of [0, 1, 5, 300, 4_000, 10]) {
      await env.root.transaction(() => {
        for (let put = 0; put < puts; put++) {
          // In order, as a restore writes, and in none.
          const key =
            puts === 4_000 ? Buffer.alloc(40, put >> 8) : random.bytes(1 + random.int(40));
          if (puts === 4_000) key.writeUInt32BE(put, 1);
          const isBig = random.int(50) === 0;
          void state.put(key, random.bytes(isBig ? BIG_VALUE_BYTES : random.int(400)));
          keys.push(key);
        }
        for (let gone = puts >> 2; gone > 0; gone--) {
          void state.remove(keys[random.int(keys.length)] as Buffer);
        }
      });
      env.root.resetReadTxn();
      walk.refresh();
      const starts = [Buffer.alloc(1), Buffer.alloc(40, 0xff), ...keys.slice(-2)];
      for (let more = 0; more < 20; more++) starts.push(random.bytes(1 + random.int(40)));
      for (const start of starts) {
        const expected = cursorEntries(env, start);
        assert.deepEqual(walkEntries(walk, file, start), expected, `from ${start.toString("hex")}`);
      }
    }
  } finally {
    file.close();
    await env.close();
  }
});

test("a page that cannot be is ROW_CORRUPT", async () => {
  await using directory = await temporaryDirectory();
  const env = openGenerationEnv(directory.path);
  const file = new PageFile(env.path);
  try {
    const state = env.state[SHARD];
    assert.ok(state);
    await env.root.transaction(() => {
      for (let put = 0; put < 500; put++) {
        const key = Buffer.alloc(40);
        key.writeUInt32BE(put);
        void state.put(key, Buffer.alloc(100));
      }
    });
    env.root.resetReadTxn();
    assert.equal(walkEntries(new LeafWalk(env, file, NAME), file, Buffer.alloc(1)).length, 500);
    // The root of the database, of which LMDB keeps the number in its record.
    const record = env.root.get(Buffer.from(`${NAME}\0`)) as Buffer;
    const root = Number(record.readBigUInt64LE(40));
    const data = await openFile(join(env.path, "data.mdb"), "r+");
    await data.write(Buffer.alloc(file.pageBytes, 0xa5), 0, file.pageBytes, root * file.pageBytes);
    await data.close();
    assert.throws(
      () => walkEntries(new LeafWalk(env, file, NAME), file, Buffer.alloc(1)),
      (error) => error instanceof HoldfastError && error.reason === "ROW_CORRUPT",
    );
    const isCorrupt = (error: unknown): boolean =>
      error instanceof HoldfastError && error.reason === "ROW_CORRUPT";
    // What a page number with flipped high bits comes to.
    assert.throws(() => file.read(2 ** 47, 1, Buffer.alloc(file.pageBytes)), isCorrupt);
    assert.throws(() => file.readValue(2 ** 63, 1, Buffer.alloc(1), 0), isCorrupt);
  } finally {
    file.close();
    await env.close();
  }
});
