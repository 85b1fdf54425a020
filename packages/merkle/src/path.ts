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
  if (text.length > PATH_NIBBLES_MAX) return false;
  for (let index = 0; index < text.length; index++) {
    if (!isDigit(text.charCodeAt(index))) return false;
  }
  return true;
}

function isDigit(code: number): boolean {
  return (code >= CODE_0 && code <= CODE_9) || (code >= CODE_A && code <= CODE_F);
}

const DIGITS: readonly string[] = [..."0123456789abcdef"];
const CODE_9 = 0x39;
const CODE_0 = 0x30;
const CODE_A = 0x61;
const CODE_F = 0x66;
/** Code of "a" less ten. */
const CODE_A_LESS_10 = 0x57;

/** Nibble `index` (0..63) of a key hash. */
export function nibbleOf(keyHash: Uint8Array, index: number): number {
  const byte = keyHash[index >> 1] ?? 0;
  return (index & 1) === 0 ? byte >> 4 : byte & 15;
}

/** The first `nibbles` nibbles of a key hash as a path. */
export function pathOf(keyHash: Uint8Array, nibbles: number): string {
  // Paths are short: a digit at a time costs less than a Buffer for it.
  let path = "";
  for (let index = 0; index < nibbles; index++) path += DIGITS[nibbleOf(keyHash, index)];
  return path;
}

/** Whether a key hash lies under `path`; under one of more than 64 digits none does. */
export function hasPath(keyHash: Uint8Array, path: string): boolean {
  if (path.length > PATH_NIBBLES_MAX) return false;
  for (let index = 0; index < path.length; index++) {
    if (nibbleOf(keyHash, index) !== digitAt(path, index)) return false;
  }
  return true;
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
  const start = Buffer.alloc(HASH_BYTES);
  for (let index = 0; index < path.length; index++) setNibble(start, index, digitAt(path, index));
  let kept = path.length;
  while (kept > 0 && digitAt(path, kept - 1) === 15) kept--;
  if (kept === 0) return { start, end: null };
  const end = Buffer.alloc(HASH_BYTES);
  for (let index = 0; index < kept; index++) setNibble(end, index, digitAt(path, index));
  setNibble(end, kept - 1, digitAt(path, kept - 1) + 1);
  return { start, end };
}

/** Makes `position`, 32 bytes, the lowest key hash under `path`. */
export function standAtPath(position: Buffer, path: string): void {
  for (let index = 0; index < HASH_BYTES; index++) position[index] = 0;
  for (let index = 0; index < path.length; index++)
    setNibble(position, index, digitAt(path, index));
}

/** The nibble that digit `index` of a path stands for. */
export function digitAt(path: string, index: number): number {
  const code = path.charCodeAt(index);
  return code <= CODE_9 ? code - CODE_0 : code - CODE_A_LESS_10;
}

function setNibble(keyHash: Buffer, index: number, nibble: number): void {
  const byte = keyHash[index >> 1] ?? 0;
  keyHash[index >> 1] = (index & 1) === 0 ? (byte & 15) | (nibble << 4) : (byte & 0xf0) | nibble;
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
