import { strict as assert } from "node:assert";
import { endianness } from "node:os";
import {
  BLOCK_BYTES,
  INITIAL_AT,
  K_AT,
  KEEP_AT,
  LANES,
  MARK_AT,
  PAIR_BYTES,
  pairAt,
  ROUNDS,
  STATE_WORDS,
  sha256Module,
} from "./sha256-module.js";

/**
 * SHA-256 of four messages at once. node:crypto needs 0.3 us to be called and 0.03 us for a block;
 * here a block needs 0.09 us and a call nothing, which wins for messages of a few blocks.
 */
export interface Sha256Lanes {
  readonly memory: ArrayBuffer;
  /**
   * Hashes `groups` (>= 1) groups of four jobs from address `jobs` on. A job is three u32:
   * address and length of the message, address of its hash. The jobs of a group have the same
   * number of blocks. 64 bytes behind each message must exist; their content does not matter.
   * Addresses lie behind MODULE_END.
   */
  hash(jobs: number, groups: number): void;
  /**
   * Hashes `groups` (>= 1) groups of four pairs: the prefix of this number, and two hashes behind
   * it. A job is three u32: addresses of the two hashes and of the result. A result may be a part
   * of the pairs of a later group.
   */
  hashPairs(prefix: number, jobs: number, groups: number): void;
}

/** What is used of the global, which the compiler's libraries know only with a browser's. */
declare const WebAssembly: {
  readonly Memory: new (options: { initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object) => { readonly exports: Record<string, unknown> };
  validate(bytes: Uint8Array<ArrayBuffer>): boolean;
};

/** Longest prefix of pairs, bytes: with two hashes and the padding it fills two blocks. */
const PREFIX_BYTES_MAX = 55;

/**
 * An instance with a memory of `pages` x 64 KiB, for pairs with one of at most two prefixes; null
 * where WebAssembly or its SIMD is missing, and on big-endian machines, whose typed arrays see
 * WebAssembly's memory the wrong way round.
 */
export function createSha256Lanes(
  pages: number,
  prefixes: readonly Uint8Array[],
): Sha256Lanes | null {
  if (typeof WebAssembly === "undefined" || endianness() === "BE") return null;
  const bytes = sha256Module(pages);
  if (!WebAssembly.validate(bytes)) return null;
  let exports: Record<string, unknown>;
  try {
    exports = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  } catch (error) {
    // V8 reserves address space for each memory; a process may have none left.
    if (error instanceof RangeError) return null;
    throw error;
  }
  const { memory, hash, hashPairs } = exports;
  if (!(memory instanceof WebAssembly.Memory)) return null;
  if (typeof hash !== "function" || typeof hashPairs !== "function") return null;
  writeTables(memory.buffer);
  const firsts = prefixes.map((prefix, kind) => writePairs(memory.buffer, prefix, kind));
  return {
    memory: memory.buffer,
    hash: (jobs, groups) => hash(jobs, groups),
    hashPairs: (prefix, jobs, groups) => hashPairs(jobs, groups, firsts[prefix]),
  };
}

/** Writes what all pairs with a prefix have in common; answers where the first hash of lane 0 goes. */
function writePairs(memory: ArrayBuffer, prefix: Uint8Array, kind: number): number {
  assert.ok(prefix.length <= PREFIX_BYTES_MAX);
  const view = new DataView(memory);
  const end = prefix.length + PAIR_HASHES_BYTES;
  for (let lane = 0; lane < LANES; lane++) {
    const at = pairAt(kind) + lane * PAIR_BYTES;
    new Uint8Array(memory).set(prefix, at);
    view.setUint8(at + end, PADDING_MARK);
    view.setUint32(at + PAIR_BYTES - 4, 8 * end);
  }
  return pairAt(kind) + prefix.length;
}

/** First byte behind a message. */
const PADDING_MARK = 0x80;
/** Two hashes. */
const PAIR_HASHES_BYTES = 64;

/** Computed when first needed: the same for every instance. */
let tables: ReturnType<typeof constants> | null = null;

function writeTables(memory: ArrayBuffer): void {
  const words = new Uint32Array(memory);
  const bytes = new Uint8Array(memory);
  tables ??= constants();
  const { roundConstants, initialState } = tables;
  const splat = (at: number, values: readonly number[]): void => {
    for (const [i, value] of values.entries())
      words.fill(value, at / 4 + 4 * i, at / 4 + 4 * i + 4);
  };
  splat(K_AT, roundConstants);
  splat(INITIAL_AT, initialState);
  bytes.fill(0xff, KEEP_AT, KEEP_AT + BLOCK_BYTES);
  bytes[MARK_AT + BLOCK_BYTES] = PADDING_MARK;
}

/**
 * The constants of FIPS 180-4, 4.2.2 and 5.3.3: the first 32 bits of the fractional parts of the
 * cube roots of the first 64 primes, and of the square roots of the first 8. Integers throughout.
 */
function constants(): { roundConstants: number[]; initialState: number[] } {
  const primes: bigint[] = [];
  for (let n = 2n; primes.length < ROUNDS; n++) {
    if (primes.every((prime) => n % prime !== 0n)) primes.push(n);
  }
  const fraction = (prime: bigint, degree: bigint): number =>
    Number(rootOf(prime << (32n * degree), degree) & 0xffff_ffffn);
  return {
    roundConstants: primes.map((prime) => fraction(prime, 3n)),
    initialState: primes.slice(0, STATE_WORDS).map((prime) => fraction(prime, 2n)),
  };
}

/** The largest integer whose power `degree` is at most `value`. */
function rootOf(value: bigint, degree: bigint): bigint {
  let root = 0n;
  for (let bit = 1n << 40n; bit > 0n; bit >>= 1n) {
    if ((root + bit) ** degree <= value) root += bit;
  }
  return root;
}
