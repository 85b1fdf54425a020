import { encodeStateItem, pathOf, sha256 } from "@holdfast/merkle";
import type { SeededRandom } from "@holdfast/testing";

/** An item of a state and where it lies. */
export interface Item {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly keyHash: Buffer;
}

/** Random items with different keys, ascending by key hash. */
export function itemsOf(random: SeededRandom, count: number): Item[] {
  const items = Array.from({ length: count }, (_, index): Item => {
    const key = Buffer.concat([Buffer.from(`${index} `), random.bytes(random.int(24))]);
    return {
      key,
      value: random.bytes(random.int(4) === 0 ? 0 : random.int(80)),
      keyHash: sha256(key),
    };
  });
  return items.sort((a, b) => Buffer.compare(a.keyHash, b.keyHash));
}

/** Items as field `items` of a StateChunk. */
export function chunkBody(items: readonly Item[]): Buffer {
  return Buffer.concat(
    items.map(({ key, value }) => {
      const item = encodeStateItem(key, value);
      return Buffer.concat([Buffer.from([0x32]), varint(item.length), item]);
    }),
  );
}

/** A tiling by number of items, which is as good as the one by bytes. */
export function tilesOf(
  items: readonly Item[],
  itemsMax: number,
  path = "",
): { path: string; items: readonly Item[] }[] {
  if (items.length === 0) return [];
  if (path !== "" && items.length <= itemsMax) return [{ path, items }];
  return Array.from("0123456789abcdef").flatMap((nibble) => {
    const below = path + nibble;
    const own = items.filter(({ keyHash }) => pathOf(keyHash, below.length) === below);
    return tilesOf(own, itemsMax, below);
  });
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}
