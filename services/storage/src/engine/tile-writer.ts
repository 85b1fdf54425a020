import { strict as assert } from "node:assert";
import { doneRow, isDone, sameTile } from "../restore/plan-row.js";
import { tileInvalid } from "../restore/restore-errors.js";
import type { ProvedBatch } from "../restore/tile-prover.js";
import { copyWords } from "../state/copy-words.js";
import type { GenerationEnv } from "./generation-env.js";
import { shardOf, shardOfPath, stateKey } from "./schema.js";

const KEY_HASH_BYTES = 32;

/** What is to be written of a batch. */
export interface CheckedBatch {
  readonly batch: ProvedBatch;
  /** Indexes of the tiles that are not written yet. */
  readonly missing: readonly number[];
}

/** Writes proved tiles into the databases of a generation, inside the caller's transaction. */
export class TileWriter {
  readonly #env: GenerationEnv;
  readonly #version: bigint;
  /** The greatest key hash of each shard's rows: what lies behind it can be appended. */
  #last: (Buffer | null)[];

  constructor(env: GenerationEnv, version: bigint) {
    this.#env = env;
    this.#version = version;
    this.#last = lastKeyHashes(env);
  }

  /**
   * Compares a batch with the plan; writes nothing.
   * @throws PROOF_INVALID when a tile is not in the plan, or not as in the plan.
   */
  check(batch: ProvedBatch): CheckedBatch {
    const missing: number[] = [];
    const seen = new Set<string>();
    for (const [index, { path, row }] of batch.tiles.entries()) {
      const planned = this.#env.restoreTiles.get(Buffer.from(path));
      if (planned === undefined) throw tileInvalid(path, "is not in the plan of the restore");
      if (!sameTile(planned, row)) throw tileInvalid(path, "is not the one in the plan");
      if (!isDone(planned) && !seen.has(path)) missing.push(index);
      seen.add(path);
    }
    return { batch, missing };
  }

  /** Writes rows, nodes and `done` of the tiles that are missing. */
  write({ batch, missing }: CheckedBatch): void {
    for (const index of missing) {
      const tile = batch.tiles[index];
      if (tile === undefined) continue;
      const before = batch.tiles[index - 1];
      this.#writeRows(batch, before?.itemsEnd ?? 0, tile.itemsEnd);
      this.#writeNodes(batch, tile.path, before?.nodesEnd ?? 0, tile.nodesEnd);
      this.#env.restoreTiles.putSync(Buffer.from(tile.path), doneRow(tile.row));
    }
  }

  /** A transaction failed: what was taken for written is not there. */
  rolledBack(): void {
    this.#last = lastKeyHashes(this.#env);
  }

  #writeRows({ body, keyHashes, spans }: ProvedBatch, from: number, to: number): void {
    const first = keyHashes.subarray(KEY_HASH_BYTES * from, KEY_HASH_BYTES * (from + 1));
    const shard = shardOf(first);
    const rows = this.#env.state[shard];
    if (rows === undefined || from === to) return;
    const last = this.#last[shard] ?? null;
    const append = last === null || Buffer.compare(first, last) > 0;
    const options = { append };
    // One key buffer for all: inside a synchronous transaction LMDB copies at once.
    const key = stateKey(first, this.#version);
    const keyView = new DataView(key.buffer, key.byteOffset, key.length);
    const hashes = new DataView(keyHashes.buffer, keyHashes.byteOffset, keyHashes.length);
    const row = partOf(body);
    for (let item = from; item < to; item++) {
      copyWords(hashes, KEY_HASH_BYTES * item, keyView, 0, KEY_HASH_BYTES / 4);
      row.start = spans[2 * item] ?? 0;
      row.end = spans[2 * item + 1] ?? 0;
      // LMDB refuses, and lmdb-js does not throw, when what is appended is not the last; the
      // declaration hides what is returned.
      const written: unknown = rows.putSync(key, row, options);
      if (written !== true) throw new Error("a row was not written");
    }
    if (append) this.#last[shard] = Buffer.from(key.subarray(0, KEY_HASH_BYTES));
  }

  #writeNodes({ nodes }: ProvedBatch, path: string, from: number, to: number): void {
    const database = this.#env.nodes[shardOfPath(path)];
    if (database === undefined) return;
    const bytes = Buffer.from(nodes.buffer, nodes.byteOffset, nodes.length);
    const value = partOf(nodes);
    for (let at = from; at < to; ) {
      const keyEnd = at + 3 + (bytes[at] ?? 0);
      value.start = keyEnd;
      value.end = keyEnd + bytes.readUInt16BE(at + 1);
      database.putSync(bytes.subarray(at + 3, keyEnd), value);
      at = value.end;
    }
  }
}

/** A value of lmdb that is a part of a buffer, without an object for each part. */
type Part = Buffer & { start: number; end: number };

/** @throws AssertionError unless the bytes begin where their memory does: lmdb counts from there. */
function partOf(bytes: Uint8Array<ArrayBuffer>): Part {
  assert.equal(bytes.byteOffset, 0);
  return Object.assign(Buffer.from(bytes.buffer), { start: 0, end: 0 });
}

function lastKeyHashes(env: GenerationEnv): (Buffer | null)[] {
  return env.state.map((rows) => {
    for (const key of rows.getKeys({ reverse: true, limit: 1 })) {
      return Buffer.from(key.subarray(0, KEY_HASH_BYTES));
    }
    return null;
  });
}
