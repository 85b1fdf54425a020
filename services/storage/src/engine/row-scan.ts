import { limits } from "@holdfast/core";
import { HASH_BYTES, type KeyHashRange, stateItemBytes } from "@holdfast/merkle";
import type { GenerationEnv } from "./generation-env.js";
import { type KeyBytes, openRaw, type RawDatabase, type RawVisitor } from "./raw-range.js";
import { SHARDS, shardOf, stateKey } from "./schema.js";

/** What a scan copied. */
export interface ScannedRows {
  /** Behind the last byte written. */
  readonly end: number;
  readonly items: number;
  /** Sum of the lengths of the items, without tags and lengths. */
  readonly bytes: number;
}

/** Tag of field `items` of StateChunk. */
const TAG_ITEM = 0x32;
/** Longest tag and length of an item: lengths are below 2^21. */
const ITEM_HEAD_BYTES_MAX = 4;
/** Rows of no interest that are stepped over before a seek is cheaper. */
const STEPS_BEFORE_SEEK = 4;
/** Views of the value buffer are kept for lengths below this: no object is made for such rows. */
const VIEWS_MAX = 4_096;
/** Version part of a state key behind that of every version but 0. */
const BEHIND_ALL_VERSIONS: Buffer = Buffer.alloc(8, 0xff);
/** The same, behind that of version 0, too. */
const BEHIND_ALL_ROWS: Buffer = Buffer.alloc(9, 0xff);
/** Where a single item is copied to: tag, length and the largest item. */
const ITEM_BYTES_MAX: number =
  2 * ITEM_HEAD_BYTES_MAX + stateItemBytes(limits.KEY_BYTES_MAX, limits.VALUE_BYTES_MAX);

/**
 * Copies the items of a key range at a version straight into a chunk body (field `items` of
 * StateChunk as on the wire). Rows newer than the version, older rows of a key and deleted keys
 * are stepped over; a key with many of them costs one seek.
 */
export class RowScanner {
  readonly #shards: readonly RawDatabase[];
  readonly #copy: RowCopy = new RowCopy();
  readonly #item: Buffer = Buffer.allocUnsafeSlow(ITEM_BYTES_MAX);

  constructor({ root }: GenerationEnv) {
    // One write transaction for all handles instead of one for each.
    this.#shards = root.transactionSync(() =>
      Array.from({ length: SHARDS }, (_, shard) =>
        openRaw(root, `state.${shard.toString(16)}`, this.#copy),
      ),
    );
  }

  /** The encoded item of a key, in memory of its own; null when it is absent. */
  item(keyHash: Buffer, version: bigint): Buffer | null {
    const copy = this.#copy;
    const { start, end } = rowsOf(keyHash, version);
    copy.begin(version, this.#item, 0);
    // The first row that is not newer is the one, or says that the key was deleted.
    copy.run(this.#shards[shardOf(keyHash)] as RawDatabase, start, end, 1);
    const { items, bytes, end: at } = copy.result();
    return items === 0 ? null : Buffer.from(this.#item.subarray(at - bytes, at));
  }

  /**
   * Writes the items of `range`, which lies in one shard, into `target` from `at` on.
   * @returns null when there are more than `target` takes.
   */
  copy(range: KeyHashRange, version: bigint, target: Buffer, at: number): ScannedRows | null {
    const copy = this.#copy;
    const database = this.#shards[shardOf(range.start)] as RawDatabase;
    copy.begin(version, target, at);
    let start: Buffer | null = range.start;
    while (start !== null && !copy.isFull) start = copy.run(database, start, range.end);
    return copy.isFull ? null : copy.result();
  }
}

/** The key hash, and behind it the end of its rows: newest first, so version 0 is the last. */
function rowsOf(
  keyHash: Buffer,
  version: bigint,
): { readonly start: Buffer; readonly end: Buffer } {
  return { start: stateKey(keyHash, version), end: Buffer.concat([keyHash, BEHIND_ALL_ROWS]) };
}

class RowCopy implements RawVisitor {
  isFull = false;
  #target: Buffer = Buffer.alloc(0);
  #at = 0;
  #items = 0;
  #bytes = 0;
  #version = 0n;
  /** ~version as two words, as in keys. */
  #high = 0;
  #low = 0;
  /** Key hash of the last row that is not newer than the version. */
  readonly #last: Uint32Array = new Uint32Array(HASH_BYTES / 4);
  #hasLast = false;
  #isWanted = false;
  #steps = 0;
  #seek: Buffer | null = null;
  #views: (Uint8Array | undefined)[] = new Array(VIEWS_MAX);
  #source: Buffer | null = null;

  begin(version: bigint, target: Buffer, at: number): void {
    this.#version = version;
    this.#high = Number((~version >> 32n) & 0xffff_ffffn);
    this.#low = Number(~version & 0xffff_ffffn);
    this.#target = target;
    this.#at = at;
    this.#items = 0;
    this.#bytes = 0;
    this.#hasLast = false;
    this.isFull = false;
  }

  result(): ScannedRows {
    return { end: this.#at, items: this.#items, bytes: this.#bytes };
  }

  /**
   * Copies from `start` on, looking at `rowsMax` rows at most.
   * @returns where to go on when it is cheaper to seek, else null.
   */
  run(
    database: RawDatabase,
    start: Buffer,
    end: Buffer | null,
    rowsMax: number = Number.POSITIVE_INFINITY,
  ): Buffer | null {
    this.#seek = null;
    this.#steps = 0;
    const rows = database.getRange(end === null ? { start } : { start, end })[Symbol.iterator]();
    try {
      for (let left = rowsMax; left > 0 && rows.next().done !== true; left--) {
        if (this.#seek !== null || this.isFull) break;
      }
    } finally {
      rows.return?.();
    }
    return this.#seek;
  }

  key(bytes: KeyBytes, start: number): void {
    const words = bytes.uint32;
    const at = start >> 2;
    const isOlder = this.#hasLast && this.#isLast(words, at);
    this.#isWanted = !isOlder && !this.#isNewer(bytes, start + HASH_BYTES);
    if (this.#isWanted) {
      for (let i = 0; i < 8; i++) this.#last[i] = words[at + i] as number;
      this.#hasLast = true;
      this.#steps = 0;
    } else if (++this.#steps >= STEPS_BEFORE_SEEK) {
      const keyHash = Buffer.from(bytes.subarray(start, start + HASH_BYTES));
      this.#seek = isOlder
        ? Buffer.concat([keyHash, BEHIND_ALL_VERSIONS])
        : stateKey(keyHash, this.#version);
    }
  }

  value(bytes: Buffer, length: number): void {
    if (!this.#isWanted || length === 0) return;
    const target = this.#target;
    let at = this.#at;
    if (at + ITEM_HEAD_BYTES_MAX + length > target.length) {
      this.isFull = true;
      return;
    }
    target[at++] = TAG_ITEM;
    let rest = length;
    while (rest >= 0x80) {
      target[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    target[at++] = rest;
    target.set(this.#view(bytes, length), at);
    this.#at = at + length;
    this.#items++;
    this.#bytes += length;
  }

  #isLast(words: Uint32Array, at: number): boolean {
    const last = this.#last;
    for (let i = 0; i < 8; i++) if (last[i] !== words[at + i]) return false;
    return true;
  }

  #isNewer(bytes: Buffer, at: number): boolean {
    const high = bytes.readUInt32BE(at);
    return high < this.#high || (high === this.#high && bytes.readUInt32BE(at + 4) < this.#low);
  }

  /** The first `length` bytes of lmdb's value buffer, which is always the same one. */
  #view(bytes: Buffer, length: number): Uint8Array {
    if (bytes !== this.#source) {
      this.#source = bytes;
      this.#views = new Array(VIEWS_MAX);
    }
    if (length >= VIEWS_MAX) return new Uint8Array(bytes.buffer, bytes.byteOffset, length);
    let view = this.#views[length];
    if (view === undefined) {
      view = new Uint8Array(bytes.buffer, bytes.byteOffset, length);
      this.#views[length] = view;
    }
    return view;
  }
}
