import { HASH_BYTES } from "@holdfast/merkle";
import { corruptPage, NODE_BIG_VALUE, NODE_HEAD_BYTES, type PageMemory } from "./lmdb-page.js";
import type { PageFile } from "./page-file.js";
import { STATE_KEY_BYTES, stateKey } from "./schema.js";

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
/** Rows of no interest, about three pages of them, that are stepped over before a seek. */
const STEPS_BEFORE_SEEK = 32;
const OLDEST_VERSION = 0n;
const PAGE_NUMBER_BYTES = 8;

// Everything in a page is even, so keys are looked at as 16-bit words.
const HEAD_WORDS: number = NODE_HEAD_BYTES / 2;
const HASH_WORDS: number = HASH_BYTES / 2;
const KEY_WORDS: number = STATE_KEY_BYTES / 2;

/** Equal to no hash. */
const NO_HASH: Uint16Array = new Uint16Array(0);

/** Room that it needs behind the pages: LMDB's largest page has 64 KiB, and a node half of one. */
export const STAGE_BYTES: number = 32 * 1024;

/**
 * Picks the rows of one version out of leaf pages of `state.x` and copies their items: first to the
 * room behind the pages, then many at once. Within one memory bytes are moved without making an
 * object, of which one for each row is a tenth of a scan and all that is collected.
 */
export class RowCopy {
  /** True when an item did not fit. */
  isFull = false;
  readonly #file: PageFile;
  readonly #memory: PageMemory;
  readonly #version: bigint;
  /** ~version as two words, as in keys. */
  readonly #high: number;
  readonly #low: number;
  readonly #target: Buffer;
  #at: number;
  /** Bytes behind the pages that belong at `#at`. */
  #staged = 0;
  #items = 0;
  #bytes = 0;
  /** Key hash of the last row that is not newer than the version. */
  #last: Uint16Array = NO_HASH;
  #steps = 0;

  /** @param memory with STAGE_BYTES of room behind its pages. */
  constructor(file: PageFile, memory: PageMemory, version: bigint, target: Buffer, at: number) {
    this.#file = file;
    this.#memory = memory;
    this.#version = version;
    this.#high = Number((~version >> 32n) & 0xffff_ffffn);
    this.#low = Number(~version & 0xffff_ffffn);
    this.#target = target;
    this.#at = at;
  }

  result(): ScannedRows {
    this.#unload();
    return { end: this.#at, items: this.#items, bytes: this.#bytes };
  }

  /**
   * Takes nodes `first` to `end - 1` of the page at `pageAt`.
   * @returns where to go on when it is cheaper to seek, else null.
   * @throws ROW_CORRUPT
   */
  take(pageAt: number, first: number, end: number): Buffer | null {
    const memory = this.#memory;
    const { words } = memory;
    // The last key decided is in the page before, or in this one.
    let lastIn = this.#last;
    let last = 0;
    let seek: Buffer | null = null;
    for (let index = first; index < end; index++) {
      const word = memory.nodeAt(pageAt, index) >> 1;
      if (words[word + 3] !== STATE_KEY_BYTES) throw corruptPage();
      const key = word + HEAD_WORDS;
      const isOlder = isSameHash(lastIn, last, words, key);
      if (isOlder || this.#isNewer(words, key + HASH_WORDS)) {
        if (++this.#steps < STEPS_BEFORE_SEEK) continue;
        const keyHash = memory.bytes.subarray(2 * key, 2 * key + HASH_BYTES);
        seek = stateKey(keyHash, isOlder ? OLDEST_VERSION : this.#version);
        break;
      }
      lastIn = words;
      last = key;
      this.#steps = 0;
      const length = (words[word] as number) + (words[word + 1] as number) * 0x1_0000;
      if (length === 0) continue;
      const isBig = ((words[word + 2] as number) & NODE_BIG_VALUE) !== 0;
      if (!this.#item(2 * (key + KEY_WORDS), length, isBig)) break;
    }
    if (lastIn === words) this.#keep(words, last);
    if (seek !== null) this.#steps = 0;
    return seek;
  }

  /** The page is about to be another one. */
  #keep(words: Uint16Array, at: number): void {
    if (this.#last === NO_HASH) this.#last = new Uint16Array(HASH_WORDS);
    for (let i = 0; i < HASH_WORDS; i++) this.#last[i] = words[at + i] as number;
  }

  /** @returns false when it does not fit. */
  #item(valueAt: number, length: number, isBig: boolean): boolean {
    const itemBytesMax = ITEM_HEAD_BYTES_MAX + length;
    if (this.#at + this.#staged + itemBytesMax > this.#target.length) {
      this.isFull = true;
      return false;
    }
    if (isBig) {
      this.#unload();
      this.#copyBig(valueAt, length);
    } else {
      const { bytes, end } = this.#memory;
      if (itemBytesMax > STAGE_BYTES || valueAt + length > end) throw corruptPage();
      if (this.#staged + itemBytesMax > STAGE_BYTES) this.#unload();
      const at = writeHead(bytes, end + this.#staged, length);
      bytes.copyWithin(at, valueAt, valueAt + length);
      this.#staged = at + length - end;
    }
    this.#items++;
    this.#bytes += length;
    return true;
  }

  /** A value that lies on pages of its own. */
  #copyBig(valueAt: number, length: number): void {
    const { bytes, end } = this.#memory;
    if (valueAt + PAGE_NUMBER_BYTES > end) throw corruptPage();
    const page = Number(bytes.readBigUInt64LE(valueAt));
    const at = writeHead(this.#target, this.#at, length);
    if (this.#file.readValue(page, length, this.#target, at) < length) throw corruptPage();
    this.#at = at + length;
  }

  /** Moves what is staged to its place. */
  #unload(): void {
    const { bytes, end } = this.#memory;
    this.#target.set(bytes.subarray(end, end + this.#staged), this.#at);
    this.#at += this.#staged;
    this.#staged = 0;
  }

  /** Whether the version in the key, inverted and big-endian, is above ours. */
  #isNewer(words: Uint16Array, at: number): boolean {
    const high = bigEndian(words[at] as number, words[at + 1] as number);
    if (high !== this.#high) return high < this.#high;
    return bigEndian(words[at + 2] as number, words[at + 3] as number) < this.#low;
  }
}

/** Writes tag and length of an item. @returns where its bytes begin. */
function writeHead(target: Buffer, start: number, length: number): number {
  let at = start;
  target[at++] = TAG_ITEM;
  let rest = length;
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

/** Compares from the end: neighbours begin alike. */
function isSameHash(a: Uint16Array, aAt: number, b: Uint16Array, bAt: number): boolean {
  for (let i = HASH_WORDS - 1; i >= 0; i--) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}

/** The number of two little-endian words whose bytes are big-endian. */
function bigEndian(first: number, second: number): number {
  const high = ((first & 0xff) << 8) | (first >> 8);
  const low = ((second & 0xff) << 8) | (second >> 8);
  return high * 0x1_0000 + low;
}
