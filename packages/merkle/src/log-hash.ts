import { HASH_BYTES, sha256 } from "./hash.js";

/** Root of the log without a leaf: SHA-256 of nothing (RFC 6962, 2.1). */
export const EMPTY_LOG_ROOT: Buffer = sha256(new Uint8Array(0));

const innerInput: Buffer = Buffer.alloc(1 + 2 * HASH_BYTES, 0x01);

/** Leaf hash of RFC 6962: SHA-256(0x00, bytes). */
export function logLeafHash(bytes: Uint8Array): Buffer {
  const input = Buffer.allocUnsafe(1 + bytes.length);
  input[0] = 0x00;
  input.set(bytes, 1);
  return sha256(input);
}

/** Inner hash of RFC 6962: SHA-256(0x01, left, right). */
export function logInnerHash(left: Uint8Array, right: Uint8Array): Buffer {
  innerInput.set(left, 1);
  innerInput.set(right, 1 + HASH_BYTES);
  return sha256(innerInput);
}
