import { nodeKey } from "./schema.js";

/*
 * Value of `stale.x`: what a checkpoint replaced, and what is of no use once the state starts at
 * it. Number of nodes u32; for each its key in `nodes.x` (version 8, depth 1, nibbles packed); then
 * key hashes, 32 bytes each, whose rows below the newest one are of no use.
 */

const KEY_HASH_BYTES = 32;

/** What one checkpoint replaced in one shard. */
export class StaleList {
  readonly #nodeKeys: Buffer[] = [];
  readonly #keyHashes: Buffer[] = [];

  get isEmpty(): boolean {
    return this.#nodeKeys.length === 0 && this.#keyHashes.length === 0;
  }

  addNode(version: bigint, path: string): void {
    this.#nodeKeys.push(nodeKey(version, path));
  }

  addRows(keyHash: Buffer): void {
    this.#keyHashes.push(keyHash);
  }

  encode(): Buffer {
    const count = Buffer.allocUnsafe(4);
    count.writeUInt32BE(this.#nodeKeys.length);
    return Buffer.concat([count, ...this.#nodeKeys, ...this.#keyHashes]);
  }
}

/** The parts of a value of `stale.x`; views. @throws RangeError when it is cut off. */
export function decodeStaleList(value: Buffer): { nodeKeys: Buffer[]; keyHashes: Buffer[] } {
  const nodeKeys: Buffer[] = [];
  const keyHashes: Buffer[] = [];
  let at = 4;
  for (let left = value.readUInt32BE(0); left > 0; left--) {
    const end = at + 9 + ((value.readUInt8(at + 8) + 1) >> 1);
    nodeKeys.push(value.subarray(at, end));
    at = end;
  }
  for (; at < value.length; at += KEY_HASH_BYTES) {
    if (at + KEY_HASH_BYTES > value.length) throw new RangeError("a stale list is cut off");
    keyHashes.push(value.subarray(at, at + KEY_HASH_BYTES));
  }
  return { nodeKeys, keyHashes };
}
