import type { FoldedChunk, FoldedTree } from "./folded-chunk.js";
import { HASH_BYTES } from "./hash.js";

interface Item {
  readonly start: number;
  readonly end: number;
}

interface Inner {
  readonly depth: number;
  readonly lastItem: number;
}

/** The tree of a chunk that is folded item by item, as it is told of it. */
export class RecordedTree {
  readonly #items: Item[] = [];
  readonly #inners: Inner[] = [];
  /** Key hash and value hash of each item. */
  readonly #itemHashes: Buffer[] = [];
  readonly #innerHashes: Buffer[] = [];

  /** Takes the next item. */
  item(keyHash: Buffer, valueHash: Buffer, start: number, end: number): void {
    this.#items.push({ start, end });
    this.#itemHashes.push(keyHash, valueHash);
  }

  /** Takes the next inner node, in post-order. */
  inner(depth: number, lastItem: number, hash: Buffer): void {
    this.#inners.push({ depth, lastItem });
    this.#innerHashes.push(hash);
  }

  /** The tree, which folded to `folded`. */
  finish(folded: FoldedChunk): FoldedTree {
    const [items, inners] = [this.#items, this.#inners];
    const bytes = Buffer.concat([...this.#itemHashes, ...this.#innerHashes]);
    return {
      ...folded,
      memory: new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
      inners: inners.length,
      keyHashAt: (item) => 2 * HASH_BYTES * item,
      itemStart: (item) => items[item]?.start ?? 0,
      itemEnd: (item) => items[item]?.end ?? 0,
      hashAt: (inner) => HASH_BYTES * (2 * items.length + inner),
      depth: (inner) => inners[inner]?.depth ?? 0,
      lastItem: (inner) => inners[inner]?.lastItem ?? 0,
    };
  }
}
