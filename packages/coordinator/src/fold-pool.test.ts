// Goal: a pool answers the same whether it folds itself or in threads, and while it changes over.
// Method: more frames than it folds itself, some of them wrong, against the task done here.
import assert from "node:assert/strict";
import test from "node:test";
import { encodeStateItem, sha256 } from "@holdfast/merkle";
import { type FoldTask, runFoldTasks } from "./fold-jobs.js";
import { FoldPool } from "./fold-pool.js";

const FRAMES = 100;
/** Tag of field `items` of StateChunk. */
const TAG_ITEM = 0x32;

/** A frame with one tile of one item; every tenth is cut short. */
function frameOf(index: number): { bytes: Buffer; task: FoldTask } {
  const key = Buffer.from(`key ${index}`);
  const item = encodeStateItem(key, Buffer.alloc(40, index));
  const body = Buffer.concat([Buffer.from([TAG_ITEM, item.length]), item]);
  // Memory of its own: what is folded is given away.
  const bytes = Buffer.from(new Uint8Array(body).buffer);
  const path = sha256(key).toString("hex", 0, 1);
  const end = index % 10 === 0 ? bytes.length - 1 : bytes.length;
  return { bytes, task: { kind: "full", path, start: 0, end } };
}

async function foldAll(pool: FoldPool): Promise<void> {
  const answers = Array.from({ length: FRAMES }, async (_, index) => {
    const { bytes, task } = frameOf(index);
    const copy = Buffer.from(bytes);
    const answer = await pool.fold(bytes, [task]);
    assert.deepEqual(answer.bytes, copy, `frame ${index}`);
    assert.deepEqual(answer.folded, runFoldTasks(copy, [task]), `frame ${index}`);
    assert.equal(answer.folded[0]?.kind, index % 10 === 0 ? "invalid" : "full");
  });
  await Promise.all(answers);
}

test("folds by itself first, then in threads", async () => {
  await using pool = new FoldPool(2);
  await foldAll(pool);
});

test("folds in threads from the start", async () => {
  await using pool = new FoldPool(2);
  pool.start();
  await foldAll(pool);
});

test("a pool that was closed refuses", async () => {
  const pool = new FoldPool(1);
  await pool[Symbol.asyncDispose]();
  const { bytes, task } = frameOf(1);
  await assert.rejects(pool.fold(bytes, [task]), /closed/);
});
