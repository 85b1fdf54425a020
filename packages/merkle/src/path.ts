import { HASH_BYTES } from "./hash.js";

/** Longest path, nibbles: a whole key hash. */
export const PATH_NIBBLES_MAX: number = 2 * HASH_BYTES;

/** Deepest binary level of the state tree, bits. */
export const DEPTH_MAX: number = 8 * HASH_BYTES;

/**
 * Whether `text` is a path: 0..64 lower-case hex digits, one for each nibble; "" is the root.
 * String order is tree order, and `startsWith` is "lies under".
 */
export function isPath(text: string): boolean {
  return /^[0-9a-f]{0,64}$/.test(text);
}

/** The first `nibbles` nibbles of a key hash as a path. */
export function pathOf(keyHash: Uint8Array, nibbles: number): string {
  return Buffer.from(keyHash.buffer, keyHash.byteOffset, (nibbles + 1) >> 1)
    .toString("hex")
    .slice(0, nibbles);
}

/** Whether a key hash lies under `path`. */
export function hasPath(keyHash: Uint8Array, path: string): boolean {
  return pathOf(keyHash, path.length) === path;
}

/** Key hashes under a path: from `start` on, up to but without `end`. */
export interface KeyHashRange {
  /** The lowest key hash, 32 bytes. */
  readonly start: Buffer;
  /** The lowest key hash behind the range, 32 bytes; null: the range goes to the end. */
  readonly end: Buffer | null;
}

/** The range of key hashes under `path`. */
export function pathRange(path: string): KeyHashRange {
  const start = Buffer.from(path.padEnd(PATH_NIBBLES_MAX, "0"), "hex");
  const kept = path.replace(/f+$/, "");
  if (kept === "") return { start, end: null };
  const last = Number.parseInt(kept.slice(-1), 16) + 1;
  const next = kept.slice(0, -1) + last.toString(16);
  return { start, end: Buffer.from(next.padEnd(PATH_NIBBLES_MAX, "0"), "hex") };
}

/** Order of key hashes as in the tree: negative, zero or positive. */
export function compareKeyHash(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

/** The bit of a key hash that chooses the half at `depth` (0 = top): 0 left, 1 right. */
export function bitAt(keyHash: Uint8Array, depth: number): 0 | 1 {
  return (((keyHash[depth >> 3] ?? 0) >> (7 - (depth & 7))) & 1) === 0 ? 0 : 1;
}

/** How many leading bits two key hashes share, 0..256. */
export function commonBits(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < HASH_BYTES; i++) {
    const difference = (a[i] ?? 0) ^ (b[i] ?? 0);
    if (difference !== 0) return 8 * i + Math.clz32(difference) - 24;
  }
  return DEPTH_MAX;
}
