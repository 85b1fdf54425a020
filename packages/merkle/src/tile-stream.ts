import { strict as assert } from "node:assert";
import { limits } from "@holdfast/core";
import { foldChunk } from "./chunk.js";
import { compareKeyHash, hasPath, pathOf } from "./path.js";
import { proofInvalid } from "./proof-invalid.js";
import type { TreeNode } from "./tree-node.js";
import { WireWriter } from "./wire.js";

/** A tile of the canonical tiling with its chunk. */
export interface StreamTile {
  readonly path: string;
  /** The node of the subtree; never empty. */
  readonly node: TreeNode;
  readonly items: number;
  /** Sum of the encoded lengths of the items. */
  readonly bytes: number;
  /** Field `items` of StateChunk as on the wire. */
  readonly body: Buffer;
}

/** An item that waits for its tile. */
interface WaitingItem {
  readonly keyHash: Buffer;
  readonly item: Buffer;
}

/** Tag of field `items` of StateChunk. */
const TAG_ITEM = 0x32;

/**
 * Cuts a state, given item by item in strictly ascending order of key hash, into the tiles that
 * the store itself would give: from the 16 paths of one nibble, a subtree with one item or at most
 * TILE_BYTES_MAX bytes is a tile, any other is cut into its 16 children. Memory: the items of one
 * tile, so TILE_BYTES_MAX, or one larger item.
 */
export class TileStream {
  /** All items that wait lie under it, and each of its parents is known to be cut. */
  #path = "";
  #waiting: WaitingItem[] = [];
  #waitingBytes = 0;
  #last: Buffer | null = null;

  /**
   * Takes the next item and answers the tiles that are complete now. Keeps both buffers for a
   * while.
   * @throws PROOF_INVALID when the items do not ascend or are not canonical.
   */
  push(keyHash: Buffer, item: Buffer): StreamTile[] {
    if (this.#last !== null && compareKeyHash(this.#last, keyHash) >= 0) {
      throw proofInvalid("The items do not ascend by key hash.");
    }
    this.#last = keyHash;
    const tiles: StreamTile[] = [];
    if (this.#path === "") {
      this.#path = pathOf(keyHash, 1);
    } else if (!hasPath(keyHash, this.#path)) {
      tiles.push(...this.#close());
      this.#path = pathOf(keyHash, commonNibbles(this.#path, keyHash) + 1);
    }
    while (this.#waiting.length > 0 && this.#waitingBytes + item.length > limits.TILE_BYTES_MAX) {
      const child = pathOf(keyHash, this.#path.length + 1);
      tiles.push(...this.#cut(child));
      this.#path = child;
    }
    this.#waiting.push({ keyHash, item });
    this.#waitingBytes += item.length;
    return tiles;
  }

  /** Answers the last tile, if there is one. Nothing can be pushed afterwards. */
  finish(): StreamTile[] {
    return this.#close();
  }

  /** The subtree at the path is complete: it is a tile, unless nothing lies there. */
  #close(): StreamTile[] {
    const items = this.#take(this.#waiting.length);
    return items.length === 0 ? [] : [tileOf(this.#path, items)];
  }

  /** The subtree at the path is too large: its children before `child` are complete. */
  #cut(child: string): StreamTile[] {
    const tiles: StreamTile[] = [];
    for (;;) {
      const first = this.#waiting[0];
      const path = first === undefined ? child : pathOf(first.keyHash, child.length);
      if (path === child) return tiles;
      const others = this.#waiting.findIndex(({ keyHash }) => !hasPath(keyHash, path));
      tiles.push(tileOf(path, this.#take(others === -1 ? this.#waiting.length : others)));
    }
  }

  #take(count: number): WaitingItem[] {
    const items = this.#waiting.splice(0, count);
    for (const { item } of items) this.#waitingBytes -= item.length;
    return items;
  }
}

function tileOf(path: string, waiting: readonly WaitingItem[]): StreamTile {
  const writer = new WireWriter();
  for (const { item } of waiting) writer.field(TAG_ITEM, item);
  const body = writer.finish();
  // Folding checks the form of the items, and that their key hashes are theirs.
  const { node, items, bytes } = foldChunk(path, body);
  assert(items === waiting.length && items > 0);
  return { path, node, items, bytes, body };
}

function commonNibbles(path: string, keyHash: Buffer): number {
  const other = pathOf(keyHash, path.length);
  let length = 0;
  while (length < path.length && path[length] === other[length]) length++;
  return length;
}
