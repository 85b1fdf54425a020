import {
  ItemCursor,
  isSha256,
  type WireWriter,
  type WrittenChanges,
  writeDelete,
  writePut,
} from "@holdfast/merkle";
import type { ChangedKeys } from "../state/changed-keys.js";
import { rowCorrupt } from "./row-corrupt.js";

/** Finds the encoded item of a key that a version wrote; null when there is none. */
export type RowOf = (keyHash: Buffer, version: bigint) => Buffer | null;

/** The keys of a tile that differ, with their rows: what the writer of a delta asks for. */
export class TileChanges implements WrittenChanges {
  readonly #changes: ChangedKeys;
  readonly #rowOf: RowOf;
  /** Which of the changes they are. */
  readonly #indexes: number[] = [];

  /** Those of the indexes `low` to `high - 1`, which were compared. */
  constructor(changes: ChangedKeys, low: number, high: number, rowOf: RowOf) {
    this.#changes = changes;
    this.#rowOf = rowOf;
    for (let index = low; index < high; index++) {
      if (changes.kind(index) !== "unchanged") this.#indexes.push(index);
    }
  }

  get count(): number {
    return this.#indexes.length;
  }

  keyHash(change: number): Buffer {
    return this.#changes.keyHash(this.#index(change));
  }

  bit(change: number, depth: number): 0 | 1 {
    return this.#changes.bit(this.#index(change), depth);
  }

  isPut(change: number): boolean {
    return this.#changes.kind(this.#index(change)) !== "deleted";
  }

  /** @throws ROW_CORRUPT when the row is not the one of the tree. */
  write(change: number, body: WireWriter): void {
    const changes = this.#changes;
    const index = this.#index(change);
    const oldValueHash = changes.oldValueHash(index);
    if (changes.kind(index) !== "deleted") {
      writePut(body, this.#item(index), oldValueHash);
    } else {
      if (oldValueHash === null) throw new Error("a deleted key has an old value");
      writeDelete(body, changes.keyHashPlace(index), oldValueHash);
    }
  }

  #item(index: number): Buffer {
    const keyHash = this.#changes.keyHash(index);
    const item = this.#rowOf(keyHash, this.#changes.version(index));
    const { bytes, at } = this.#changes.newValueHash(index);
    if (item !== null && isSha256(valueIn(item), bytes, at)) return item;
    throw rowCorrupt(`The row of key hash ${keyHash.toString("hex")}`);
  }

  #index(change: number): number {
    return this.#indexes[change] ?? 0;
  }
}

function valueIn(item: Buffer): Buffer {
  const cursor = new ItemCursor(item);
  try {
    cursor.parse(0, item.length);
  } catch (cause) {
    throw rowCorrupt("A row", cause);
  }
  return item.subarray(cursor.valueStart, cursor.end);
}
