import { createHash } from "node:crypto";
import type { Write } from "./clients.js";

const LEAF = Buffer.from("JMT::LeafNode");
const INNER = Buffer.from("JMT::IntrnalNode");
const EMPTY = Buffer.from("SPARSE_MERKLE_PLACEHOLDER_HASH__");
const HASH_BITS = 256;

/** The state as a plain map, and its root by the definition: an implementation that shares no code
 * with the product. */
export class StateModel {
  readonly #values = new Map<string, Buffer>();

  get size(): number {
    return this.#values.size;
  }

  apply(writes: readonly Write[]): void {
    for (const [key, value] of writes) {
      const name = Buffer.from(key).toString("hex");
      if (value === null) this.#values.delete(name);
      else this.#values.set(name, Buffer.from(value));
    }
  }

  /** Keys (hex) and values. */
  entries(): [string, Buffer][] {
    return [...this.#values];
  }

  copy(): StateModel {
    const copy = new StateModel();
    for (const [key, value] of this.#values) copy.#values.set(key, value);
    return copy;
  }

  /** Root of the Jellyfish Merkle tree, 32 bytes, by recursion over the bits of the key hash. */
  root(): Buffer {
    const leaves = [...this.#values].map(([key, value]) => ({
      keyHash: hash(Buffer.from(key, "hex")),
      value,
    }));
    const fold = (from: typeof leaves, depth: number): Buffer => {
      const [only] = from;
      if (only === undefined) return EMPTY;
      if (from.length === 1) return hash(Buffer.concat([LEAF, only.keyHash, hash(only.value)]));
      if (depth === HASH_BITS) throw new Error("two keys with one hash");
      const left = from.filter((leaf) => bit(leaf.keyHash, depth) === 0);
      const right = from.filter((leaf) => bit(leaf.keyHash, depth) === 1);
      return hash(Buffer.concat([INNER, fold(left, depth + 1), fold(right, depth + 1)]));
    };
    return fold(leaves, 0);
  }
}

function bit(bytes: Buffer, index: number): number {
  return ((bytes[index >> 3] ?? 0) >> (7 - (index & 7))) & 1;
}

function hash(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes).digest();
}
