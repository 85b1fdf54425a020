import { hash } from "node:crypto";
import { key } from "./records.js";

/** Leading bits of a key hash that are sorted by; those of a number's index come below them. */
const HASH_BITS = 28;
const INDEX_RADIX: number = 2 ** 25;

/**
 * Records [from, to), their numbers, in the order in which their keys stand in the state tree: a
 * store that is loaded so lies on disk as one that was restored.
 */
export function inTreeOrder(from: number, to: number): Uint32Array {
  const order = new Float64Array(to - from);
  for (let index = from; index < to; index++) {
    const head = hash("sha256", key(index), "buffer").readUInt32BE(0) >>> (32 - HASH_BITS);
    order[index - from] = head * INDEX_RADIX + index;
  }
  order.sort();
  return Uint32Array.from(order, (entry) => entry % INDEX_RADIX);
}
