import { nodeKeyBytes, writeNodeKey } from "./schema.js";

/*
 * Value of `stale.x`: what a checkpoint replaced, and what is of no use once the state starts at
 * it. Number of nodes u32; for each its key in `nodes.x` (version 8, depth 1, nibbles packed); then
 * key hashes, 32 bytes each, whose rows below the newest one are of no use.
 */

const KEY_HASH_BYTES = 32;
const COUNT_BYTES = 4;

/** Room that a list begins with, bytes: more than the nodes of a usual block need. */
const BYTES_START = 8_192;

/** What one checkpoint replaced in one shard. */
export class StaleList {
  #bytes: Buffer = Buffer.alloc(COUNT_BYTES);
  #length = COUNT_BYTES;
  #nodes = 0;
  readonly #keyHashes: Buffer[] = [];

  get isEmpty(): boolean {
    return this.#nodes === 0 && this.#keyHashes.length === 0;
  }

  addNode(version: bigint, path: string): void {
    const end = this.#length + nodeKeyBytes(path.length);
    if (end > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(BYTES_START, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    writeNodeKey(this.#bytes, this.#length, version, path);
    this.#length = end;
    this.#nodes += 1;
  }

  addRows(keyHash: Buffer): void {
    this.#keyHashes.push(keyHash);
  }

  encode(): Buffer {
    this.#bytes.writeUInt32BE(this.#nodes, 0);
    return Buffer.concat([this.#bytes.subarray(0, this.#length), ...this.#keyHashes]);
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
