// Goal: a pool answers the same whether it folds itself or in threads, and while it changes over.
// Method: more frames than it folds itself, some of them wrong, against the task done here.
import assert from "node:assert/strict";
import test from "node:test";
import { backup } from "@holdfast/api";
import { encodeStateItem, foldChunk, sha256 } from "@holdfast/merkle";
import { foldBody } from "./fold-body.js";
import { FoldPool } from "./fold-pool.js";
import { proveFrame } from "./prove-frame.js";
import { nodeToWire } from "./tree-nodes.js";

const TILES = 100;
/** Tag of field `items` of StateChunk. */
const TAG_ITEM = 0x32;

interface Tile {
  readonly path: string;
  readonly body: Buffer;
  readonly frame: Buffer;
}

/** A tile of one item, its body alone and in a frame; every tenth is cut short. */
function tileOf(index: number): Tile {
  const key = Buffer.from(`key ${index}`);
  const item = encodeStateItem(key, Buffer.alloc(40, index));
  const whole = Buffer.concat([Buffer.from([TAG_ITEM, item.length]), item]);
  const path = sha256(key).toString("hex", 0, 1);
  const chunk: backup.StateChunk = {
    ...backup.StateChunk.decode(whole),
    path,
    node: nodeToWire(foldChunk(path, whole).node),
    itemCount: 1n,
    chunkId: index % 10 === 0 ? sha256(Buffer.alloc(1)) : sha256(whole),
  };
  const body = index % 10 === 0 ? whole.subarray(0, -1) : whole;
  const part = { $case: "chunks", value: { chunks: [chunk] } } as const;
  const frame = backup.StreamStateSnapshotResponse.encode({ part }).finish();
  return { path, body: ownMemory(body), frame: ownMemory(frame) };
}

/** What is folded is given away. */
function ownMemory(bytes: Uint8Array): Buffer {
  return Buffer.from(new Uint8Array(bytes).buffer);
}

async function foldAll(pool: FoldPool): Promise<void> {
  const answers = Array.from({ length: TILES }, async (_, index) => {
    const { path, body, frame } = tileOf(index);
    const isWrong = index % 10 === 0;
    const [bodyAgain, frameAgain] = [Buffer.from(body), Buffer.from(frame)];
    const proved = await pool.prove("full", frame);
    assert.deepEqual(proved.frame, frameAgain, `frame ${index}`);
    assert.deepEqual(proved.proof, proveFrame("full", frameAgain), `frame ${index}`);
    assert.equal(proved.proof.kind, isWrong ? "wrong" : "proved");
    const folded = await pool.fold("full", path, body);
    assert.deepEqual(folded, foldBody("full", path, bodyAgain), `body ${index}`);
    assert.equal(folded.kind, isWrong ? "invalid" : "full");
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
  const { path, body, frame } = tileOf(1);
  await assert.rejects(pool.fold("full", path, body), /closed/);
  await assert.rejects(pool.prove("full", frame), /closed/);
});
