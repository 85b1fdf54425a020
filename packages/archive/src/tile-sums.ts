import type { NewTile, TileLine } from "./tile-line.js";

/** Sums below this are exact as numbers, also when a number of 15 digits is added. */
const EXACT_MAX: number = 2 ** 52;

// Indexes of what is not in the BigInts yet.
const ITEMS = 0;
const BYTES = 1;
const STORED_BYTES = 2;

/** What the tiles of a manifest add up to, and their order. */
export class TileSums {
  tiles = 0;
  chunks = 0;
  lastPath: string | null = null;
  readonly #sums: [bigint, bigint, bigint] = [0n, 0n, 0n];
  /** Floats: what is added to for every tile neither makes a BigInt nor becomes another type. */
  readonly #more: Float64Array = new Float64Array(3);

  get items(): bigint {
    return this.#sum(ITEMS);
  }

  /** Encoded lengths of the items. */
  get bytes(): bigint {
    return this.#sum(BYTES);
  }

  /** Lengths of the bodies. */
  get storedBytes(): bigint {
    return this.#sum(STORED_BYTES);
  }

  /** Whether a tile may come next: behind the last one and not under it. */
  follows(path: string): boolean {
    return this.lastPath === null || (path > this.lastPath && !path.startsWith(this.lastPath));
  }

  /** Adds the tile of a line. */
  add(line: TileLine): void {
    this.addTile(line, line.kind === "unchanged" ? 0 : line.length);
  }

  /** Adds a tile of which so many bytes are stored. */
  addTile(tile: NewTile, length: number): void {
    this.lastPath = tile.path;
    this.tiles++;
    this.#add(ITEMS, tile.items);
    this.#add(BYTES, tile.bytes);
    if (tile.kind === "unchanged") return;
    this.chunks++;
    this.#add(STORED_BYTES, length);
  }

  /** Adds tiles that were summed up elsewhere and come next. */
  join(next: TileSums): void {
    this.lastPath = next.lastPath ?? this.lastPath;
    this.tiles += next.tiles;
    this.chunks += next.chunks;
    this.#sums[ITEMS] += next.items;
    this.#sums[BYTES] += next.bytes;
    this.#sums[STORED_BYTES] += next.storedBytes;
  }

  #add(index: 0 | 1 | 2, value: number): void {
    const sum = (this.#more[index] ?? 0) + value;
    this.#more[index] = sum;
    if (sum >= EXACT_MAX) this.#sum(index);
  }

  #sum(index: 0 | 1 | 2): bigint {
    this.#sums[index] += BigInt(this.#more[index] ?? 0);
    this.#more[index] = 0;
    return this.#sums[index];
  }
}
