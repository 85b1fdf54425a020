// Goal: records that follow each other in a pack are read at once, no others, and each is checked
// by itself. Method: lines of a manifest and packs made by hand; a file in memory counts its reads.
import assert from "node:assert/strict";
import test from "node:test";
import { sha256 } from "@holdfast/merkle";
import type { ReadableFile } from "./archive-files.js";
import { READ_RUN_BYTES, READ_RUN_TILES_MAX } from "./archive-limits.js";
import {
  CODEC_NONE,
  encodeIndexEntry,
  INDEX_ENTRY_BYTES,
  RECORD_HEADER_BYTES,
} from "./pack-format.js";
import { readRecords } from "./read-record.js";
import { type ReadRun, readRuns } from "./read-run.js";
import type { ChunkLine, TileLine } from "./tile-line.js";

const NODE = { kind: "inner", hash: Buffer.alloc(32) } as const;

/** A tile whose record of `length` bytes lies in `pack` at `offset`. */
function chunk(pack: string, offset: number, length: number): ChunkLine {
  const body = Buffer.alloc(length, offset % 251);
  const tile = { kind: "full", path: "a", node: NODE, items: 1, bytes: length } as const;
  return { ...tile, chunk: sha256(body), pack, offset, length };
}

const UNCHANGED: TileLine = { kind: "unchanged", path: "a", node: NODE, items: 1, bytes: 1 };

async function runsOf(lines: readonly TileLine[]): Promise<ReadRun[]> {
  const source = async function* (): AsyncGenerator<TileLine> {
    yield* lines;
  };
  const runs: ReadRun[] = [];
  for await (const run of readRuns(source())) runs.push(run);
  assert.deepEqual(
    runs.flatMap((run) => run.lines),
    lines,
    "all lines are there, in order",
  );
  return runs;
}

/** Lines of a pack with records of these lengths one behind the other, from `offset` on. */
function following(pack: string, offset: number, lengths: readonly number[]): ChunkLine[] {
  let at = offset;
  return lengths.map((length) => {
    const line = chunk(pack, at, length);
    at += RECORD_HEADER_BYTES + length;
    return line;
  });
}

test("a run ends with a gap, with another pack, and when it is full", async () => {
  const lines = [
    ...following("p", 16, [5, 0, 7]),
    ...following("p", 500, [3]),
    chunk("q", 503 + RECORD_HEADER_BYTES, 3),
  ];
  const runs = await runsOf(lines);
  assert.deepEqual(
    runs.map(({ chunks }) => chunks.length),
    [3, 1, 1],
  );
  assert.equal(runs[0]?.bytes, 12 + 3 * RECORD_HEADER_BYTES);
  const half = READ_RUN_BYTES / 2 - RECORD_HEADER_BYTES;
  const full = await runsOf(following("p", 0, [half, half, half, 2 * READ_RUN_BYTES, 1]));
  assert.deepEqual(
    full.map(({ bytes }) => bytes),
    [READ_RUN_BYTES, READ_RUN_BYTES / 2, 2 * READ_RUN_BYTES + RECORD_HEADER_BYTES, 39],
  );
});

test("tiles without a body are in no one's way, and bounded", async () => {
  const [first, second] = following("p", 0, [5, 5]);
  assert.ok(first && second);
  const [run, ...others] = await runsOf([UNCHANGED, first, UNCHANGED, UNCHANGED, second]);
  assert.deepEqual([run?.chunks, others], [[first, second], []]);
  const many = await runsOf(Array.from({ length: 150 }, () => UNCHANGED));
  assert.deepEqual(
    many.map((one) => one.lines.length),
    [READ_RUN_TILES_MAX, READ_RUN_TILES_MAX, 150 - 2 * READ_RUN_TILES_MAX],
  );
});

test("records of a run are one read; each is told from the others when it is damaged", async () => {
  const lines = following("p", 16, [40, 50, 60]);
  const pack = Buffer.concat([Buffer.alloc(16), ...lines.map(recordOf)]);
  const reads: number[] = [];
  const file = (bytes: Buffer): ReadableFile => ({
    bytes: bytes.length,
    read: async (offset, length) => {
      reads.push(length);
      return bytes.subarray(offset, offset + length);
    },
    close: async () => undefined,
  });
  const bodies = await readRecords(file(pack), lines);
  assert.deepEqual(
    bodies,
    lines.map(({ offset, length }) => Buffer.alloc(length, offset % 251)),
  );
  assert.deepEqual(reads, [150 + 3 * RECORD_HEADER_BYTES]);
  for (let at = 16; at < pack.length; at++) {
    const damaged = Buffer.from(pack);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    const damagedLine = lines.findLastIndex(({ offset }) => offset <= at);
    for (const [index, body] of (await readRecords(file(damaged), lines)).entries()) {
      assert.equal(typeof body === "string", index === damagedLine, `byte ${at}, record ${index}`);
    }
  }
  const cut = await readRecords(file(pack.subarray(0, -1)), lines);
  assert.deepEqual(
    cut.map((body) => typeof body),
    ["object", "object", "string"],
  );
  const none = await readRecords(file(Buffer.alloc(20)), lines);
  assert.match(String(none[0]), /ends before/);
});

function recordOf({ offset, length, chunk: digest }: ChunkLine): Buffer {
  const header = encodeIndexEntry(0, { length, kind: 1, codec: CODEC_NONE, sha256: digest });
  const body = Buffer.alloc(length, offset % 251);
  return Buffer.concat([header.subarray(INDEX_ENTRY_BYTES - RECORD_HEADER_BYTES), body]);
}
