import { HoldfastError, limits } from "@holdfast/core";
import { compareKeyHash, pathRange, type TreeNode } from "@holdfast/merkle";
import { ItemReader } from "./item-reader.js";
import type { MergedItem } from "./merge.js";

/** A tile of the state to be made. */
export interface PlannedTile {
  readonly path: string;
  /** Never empty. */
  readonly node: TreeNode;
  readonly items: number;
  readonly bytes: number;
}

/** A planned tile and its chunk body. */
export interface CutTile {
  readonly tile: PlannedTile;
  readonly body: Buffer;
}

/** Tag of field `items` of StateChunk. */
const TAG_ITEM = 0x32;

/**
 * Cuts a merged state into planned tiles, given in ascending order of path, and checks number and
 * bytes of the items of each; their nodes are for who takes them to check.
 * @throws PROOF_INVALID when the state does not fit the plan.
 */
export async function* cutByPlan(
  plan: AsyncIterable<PlannedTile>,
  merged: AsyncIterable<readonly MergedItem[]>,
): AsyncGenerator<CutTile, void, undefined> {
  const items = new ItemReader(merged);
  try {
    for await (const tile of plan) {
      const { start, end } = pathRange(tile.path);
      const first = await items.peek();
      if (first !== null && compareKeyHash(first.keyHash, start) < 0) throw doesNotFit(tile.path);
      const taken: Buffer[] = [];
      let bytes = 0;
      for (let next = first; next !== null; next = items.loaded() ?? (await items.peek())) {
        if (end !== null && compareKeyHash(next.keyHash, end) >= 0) break;
        taken.push(next.item);
        bytes += next.item.length;
        if (taken.length > 1 && bytes > limits.TILE_BYTES_MAX) throw doesNotFit(tile.path);
        items.step();
      }
      if (taken.length !== tile.items || bytes !== tile.bytes) throw doesNotFit(tile.path);
      yield { tile, body: bodyOf(taken, bytes) };
    }
    if ((await items.peek()) !== null) throw doesNotFit("the last tile");
  } finally {
    await items.close();
  }
}

function bodyOf(items: readonly Buffer[], itemBytes: number): Buffer {
  // A length below 2^28 takes four bytes at most.
  const body = Buffer.allocUnsafe(itemBytes + items.length * 5);
  let at = 0;
  for (const item of items) {
    body[at++] = TAG_ITEM;
    let rest = item.length;
    while (rest >= 0x80) {
      body[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    body[at++] = rest;
    body.set(item, at);
    at += item.length;
  }
  return body.subarray(0, at);
}

function doesNotFit(path: string): HoldfastError {
  return new HoldfastError(
    "PROOF_INVALID",
    `The chain of snapshots does not give the state its newest manifest lists, at tile ${path}. ` +
      "Run `holdfast verify` on the archive.",
    { metadata: { path } },
  );
}
