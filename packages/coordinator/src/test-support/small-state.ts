import type { backup } from "@holdfast/api";
import { encodeStateItem, type StreamTile, sha256, TileStream } from "@holdfast/merkle";
import { nodeToWire } from "../tree-nodes.js";

/** The tiles of a state of `count` generated keys with values of `valueBytes`. */
export function tilesOf(count: number, valueBytes: number): StreamTile[] {
  const stream = new TileStream();
  const tiles: StreamTile[] = [];
  const items = Array.from({ length: count }, (_, index) => {
    const key = Buffer.from(`key ${index}`);
    return { keyHash: sha256(key), item: encodeStateItem(key, Buffer.alloc(valueBytes, index)) };
  }).sort((a, b) => Buffer.compare(a.keyHash, b.keyHash));
  for (const { keyHash, item } of items) tiles.push(...stream.push(keyHash, item));
  return [...tiles, ...stream.finish()];
}

/** A tile as a stream carries it; its items come from decoding its body. */
export function chunkOf(
  tile: StreamTile,
  decode: (body: Buffer) => backup.StateChunk,
): backup.StateChunk {
  return {
    path: tile.path,
    node: nodeToWire(tile.node),
    itemCount: BigInt(tile.items),
    chunkId: sha256(tile.body),
    siblings: [],
    items: decode(tile.body).items,
  };
}
