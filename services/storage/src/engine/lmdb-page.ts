import { HoldfastError } from "@holdfast/core";

/*
 * A page of an LMDB environment as lmdb 3.5 lays it out (data version 2, little-endian): the part
 * that a walk over leaves needs. The rest is in LMDB's mdb.c.
 *
 *   page   number u64, transaction that wrote it u64, padding u16, flags u16, lower u16,
 *          upper u16; then for each node, in order of key, a u16: where it begins, counted from
 *          behind this head. `lower` is the length of these.
 *   node   low u16, high u16, flags u16, key length u16; then the key; then the value.
 *          In a branch, low, high and flags are the number of the child page, there is no value,
 *          and the key of the first node counts as below all others.
 *          In a leaf, low and high are the length of the value.
 */

/** Length of a page's head, bytes. */
export const PAGE_HEAD_BYTES = 24;
/** Length of a node's head, bytes. */
export const NODE_HEAD_BYTES = 8;
/** Flag of a leaf's node: instead of the value it has the number of the page the value begins on. */
export const NODE_BIG_VALUE = 0x01;

const TRANSACTION_AT = 8;
const FLAGS_AT = 18;
const LOWER_AT = 20;
const WORD_BYTES = 4;
const FLAG_BRANCH = 0x01;
const FLAG_LEAF = 0x02;
const FLAGS_KIND = FLAG_BRANCH | FLAG_LEAF;

/** The error of a page that cannot be. */
export function corruptPage(cause?: unknown): HoldfastError {
  return new HoldfastError("ROW_CORRUPT", "A page of the store is corrupt. Run fsck.", { cause });
}

/** Memory that holds pages, as bytes and as 16-bit words: everything in a page is even. */
export class PageMemory {
  /** The pages, then room for who reads them. */
  readonly bytes: Buffer;
  /** Of the pages only. */
  readonly words: Uint16Array;
  /** Behind the pages. */
  readonly end: number;
  readonly #pageBytes: number;

  /** @param roomBytes behind the pages. */
  constructor(pages: number, pageBytes: number, roomBytes = 0) {
    this.end = pages * pageBytes;
    const buffer = new ArrayBuffer(this.end + roomBytes);
    this.bytes = Buffer.from(buffer);
    this.words = new Uint16Array(buffer, 0, this.end / 2);
    this.#pageBytes = pageBytes;
  }

  /** Nodes of the page at `pageAt`. @throws ROW_CORRUPT when it is not of that kind, or empty. */
  nodes(pageAt: number, kind: "branch" | "leaf"): number {
    const flags = this.words[(pageAt + FLAGS_AT) >> 1] as number;
    const nodes = (this.words[(pageAt + LOWER_AT) >> 1] as number) >> 1;
    const isKind = (flags & FLAGS_KIND) === (kind === "branch" ? FLAG_BRANCH : FLAG_LEAF);
    if (!isKind || nodes === 0 || PAGE_HEAD_BYTES + 2 * nodes > this.#pageBytes)
      throw corruptPage();
    return nodes;
  }

  /** The transaction that wrote the page at `pageAt`. */
  transaction(pageAt: number): bigint {
    return this.bytes.readBigUInt64LE(pageAt + TRANSACTION_AT);
  }

  /** Where node `index` of the page at `pageAt` begins. */
  nodeAt(pageAt: number, index: number): number {
    const offset = this.words[(pageAt + PAGE_HEAD_BYTES + 2 * index) >> 1] as number;
    return pageAt + PAGE_HEAD_BYTES + offset;
  }

  /** The child page that node `index` of the branch at `pageAt` leads to. */
  child(pageAt: number, index: number): number {
    const word = this.nodeAt(pageAt, index) >> 1;
    const { words } = this;
    const [low = 0, high = 0, top = 0] = [words[word], words[word + 1], words[word + 2]];
    return top * 2 ** 32 + high * 2 ** 16 + low;
  }

  /** Order of the key of a node against `key`: below zero, zero or above. @throws ROW_CORRUPT */
  compareKey(pageAt: number, index: number, key: Buffer): number {
    const at = this.nodeAt(pageAt, index);
    const keyBytes = this.words[(at >> 1) + 3] as number;
    const keyAt = at + NODE_HEAD_BYTES;
    if (!(keyAt + keyBytes <= this.end)) throw corruptPage();
    if (keyBytes >= WORD_BYTES && key.length >= WORD_BYTES) {
      // Hashes mostly differ here, and a call of Node's costs ten times this.
      const order = wordAt(this.bytes, keyAt) - wordAt(key, 0);
      if (order !== 0) return order;
    }
    return this.bytes.compare(key, 0, key.length, keyAt, keyAt + keyBytes);
  }
}

function wordAt(bytes: Buffer, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
  return a * 2 ** 24 + ((b << 16) | (c << 8) | d);
}
