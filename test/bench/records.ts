import { createHash } from "node:crypto";

/** Bytes of a key and of a value, the same for Holdfast and etcd. */
export const KEY_BYTES = 32;
export const VALUE_BYTES = 200;

/** Key number `index`: 32 bytes without any order. */
export function key(index: number): Buffer {
  return createHash("sha256").update(`key ${index}`).digest();
}

/** Value number `index` of round `round`: 200 bytes that do not compress. */
export function value(index: number, round: number): Buffer {
  const seed = createHash("sha512").update(`value ${index} ${round}`).digest();
  return Buffer.concat([seed, seed, seed, seed], VALUE_BYTES);
}
