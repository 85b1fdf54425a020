import { proofInvalid } from "./proof-invalid.js";

/** Lengths up to 2^28-1 are all that a chunk can hold; four varint bytes say them. */
export const VARINT_BYTES_MAX = 4;

/** Bytes of `value` (0..2^28-1) as a protobuf varint. */
export function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  return value < 0x200000 ? 3 : 4;
}

/** Writes `value` (0..2^28-1) as a protobuf varint at `at`; answers the position behind it. */
export function writeVarint(into: Uint8Array, at: number, value: number): number {
  let rest = value;
  let next = at;
  while (rest >= 0x80) {
    into[next++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  into[next++] = rest;
  return next;
}

/** Reads canonical varints one after the other, without an object for each. */
export class VarintReader {
  readonly bytes: Uint8Array;
  /** Position behind the last varint read. */
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /**
   * The varint at `at`, which must end before `end`; moves `at` behind it.
   * @throws PROOF_INVALID when it is cut off, longer than four bytes or not the shortest form.
   */
  read(at: number, end: number): number {
    let value = 0;
    const limit = Math.min(end, at + VARINT_BYTES_MAX);
    for (let i = at; i < limit; i++) {
      const byte = this.bytes[i] ?? 0;
      value |= (byte & 0x7f) << (7 * (i - at));
      if (byte < 0x80) {
        if (byte === 0 && i > at) break;
        this.at = i + 1;
        return value;
      }
    }
    throw proofInvalid(`The length at byte ${at} is not a canonical varint.`, { byte: `${at}` });
  }
}
