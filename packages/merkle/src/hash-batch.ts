import { strict as assert } from "node:assert";
import { hash as oneShotHash } from "node:crypto";
import { HASH_BYTES, INNER_PREFIX, LEAF_PREFIX } from "./hash.js";
import { createSha256Lanes, type Sha256Lanes } from "./sha256-lanes.js";
import { BLOCK_BYTES, JOB_BYTES, LANES, MODULE_END } from "./sha256-module.js";

/** Words of a job and of a group of jobs. */
const JOB_WORDS: number = JOB_BYTES / 4;
const GROUP_WORDS: number = LANES * JOB_WORDS;
/** Groups gathered before the module is called. */
const GROUPS_MAX = 512;
/** Messages of more blocks go to node:crypto, whose time for a block is shorter. */
const LANE_BLOCKS_MAX = 6;
/** Padding of SHA-256: one byte and the length. */
const PADDING_BYTES_MIN = 9;
const PAGE_BYTES = 65_536;

/** Bytes of a job of `hashPairs`, three u32: addresses of the two hashes and of the result. */
export const PAIR_JOB_BYTES: number = JOB_BYTES;
/** What stands before the two hashes of a pair: `hashPairs` takes the index. */
const PREFIXES: readonly Buffer[] = [LEAF_PREFIX, INNER_PREFIX];
export const LEAF_PAIR: number = PREFIXES.indexOf(LEAF_PREFIX);
export const INNER_PAIR: number = PREFIXES.indexOf(INNER_PREFIX);

/** First address of the messages. */
const HEAP_AT: number = MODULE_END + GROUPS_MAX * LANES * JOB_BYTES;

/**
 * Hashes many short messages that lie in one memory. A hash is written where the caller wants it,
 * also into a message that a later batch hashes, so that trees are hashed without copying.
 */
export class HashBatch {
  /** The memory in which messages and hashes lie. */
  readonly bytes: Uint8Array;
  /** The same as words. */
  readonly words: Uint32Array;
  /** First address that is the caller's. */
  readonly heapStart: number = HEAP_AT;
  readonly #lanes: Sha256Lanes;
  readonly #jobs: Int32Array;
  /** Jobs by number of blocks, until there are four for a group. */
  readonly #waiting: Int32Array = new Int32Array((LANE_BLOCKS_MAX + 1) * GROUP_WORDS);
  readonly #waitingWords: Int32Array = new Int32Array(LANE_BLOCKS_MAX + 1);
  #groups = 0;

  private constructor(lanes: Sha256Lanes) {
    this.#lanes = lanes;
    this.bytes = new Uint8Array(lanes.memory);
    this.words = new Uint32Array(lanes.memory);
    this.#jobs = new Int32Array(lanes.memory, MODULE_END, GROUPS_MAX * GROUP_WORDS);
  }

  /** A batch with `heapBytes` for messages and hashes; null where SIMD is missing. */
  static create(heapBytes: number): HashBatch | null {
    // One block more: the module reads behind a message.
    const pages = Math.ceil((HEAP_AT + heapBytes + BLOCK_BYTES) / PAGE_BYTES);
    const lanes = createSha256Lanes(pages, PREFIXES);
    return lanes === null ? null : new HashBatch(lanes);
  }

  /** Takes a message; its hash is there after `run`. */
  add(message: number, length: number, hash: number): void {
    const blocks = Math.ceil((length + PADDING_BYTES_MIN) / BLOCK_BYTES);
    if (blocks > LANE_BLOCKS_MAX) {
      this.#hashLong(message, length, hash);
      return;
    }
    const at = this.#waitingWords[blocks] ?? 0;
    const word = blocks * GROUP_WORDS + at;
    this.#waiting[word] = message;
    this.#waiting[word + 1] = length;
    this.#waiting[word + 2] = hash;
    this.#waitingWords[blocks] = at + JOB_WORDS;
    if (at + JOB_WORDS === GROUP_WORDS) this.#ready(blocks);
  }

  /** Hashes all messages taken. */
  run(): void {
    for (let blocks = 1; blocks <= LANE_BLOCKS_MAX; blocks++) {
      const first = blocks * GROUP_WORDS;
      const words = this.#waitingWords[blocks] ?? 0;
      if (words === 0) continue;
      // A group that is not full does its first job several times.
      for (let at = words; at < GROUP_WORDS; at += JOB_WORDS) {
        this.#waiting.copyWithin(first + at, first, first + JOB_WORDS);
      }
      this.#ready(blocks);
    }
    this.#flush();
  }

  /**
   * Hashes at once what a leaf (key hash, value hash) or an inner node (left, right) is the hash of:
   * `count` jobs from address `jobs` (aligned to four) on. There must be room for three jobs more
   * behind them.
   */
  hashPairs(pair: number, jobs: number, count: number): void {
    if (count === 0) return;
    const groups = Math.ceil(count / LANES);
    // A group that is not full does its last job several times.
    const last = jobs / 4 + JOB_WORDS * (count - 1);
    for (let job = count; job < groups * LANES; job++) {
      this.words.copyWithin(jobs / 4 + JOB_WORDS * job, last, last + JOB_WORDS);
    }
    this.#lanes.hashPairs(pair, jobs, groups);
  }

  /** Forgets the messages taken. */
  clear(): void {
    this.#waitingWords.fill(0);
    this.#groups = 0;
  }

  #ready(blocks: number): void {
    const from = blocks * GROUP_WORDS;
    const to = this.#groups * GROUP_WORDS;
    for (let i = 0; i < GROUP_WORDS; i++) this.#jobs[to + i] = this.#waiting[from + i] ?? 0;
    this.#waitingWords[blocks] = 0;
    this.#groups++;
    if (this.#groups === GROUPS_MAX) this.#flush();
  }

  #flush(): void {
    if (this.#groups === 0) return;
    this.#lanes.hash(MODULE_END, this.#groups);
    this.#groups = 0;
  }

  #hashLong(message: number, length: number, hash: number): void {
    const digest = oneShotHash("sha256", this.bytes.subarray(message, message + length), "binary");
    assert.equal(digest.length, HASH_BYTES);
    for (let i = 0; i < HASH_BYTES; i++) this.bytes[hash + i] = digest.charCodeAt(i);
  }
}
