import {
  compareKeyHash,
  copyHash,
  HASH_BYTES,
  type HashPlace,
  type NodePlace,
} from "@holdfast/merkle";

/** How the later state differs at a key; a value that was written may be what it was before. */
export type ChangeKind = "added" | "overwritten" | "deleted" | "unchanged";

/** A key that was written between two states. */
export interface WrittenKey {
  readonly keyHash: Uint8Array;
  /** Hash of the value in the earlier state; null when the key was absent. */
  readonly oldValueHash: Uint8Array | null;
  /** The version that wrote it last: there is its row. */
  readonly version: bigint;
}

/** The later state, as far as it is asked. */
export interface LaterLeaves {
  /** Where the leaf of a key lies, until the next question; null when the key is absent. */
  locateLeaf(keyHash: Buffer): NodePlace | null;
}

const KINDS: readonly ChangeKind[] = ["added", "overwritten", "deleted", "unchanged"];
const DELETED: number = KINDS.indexOf("deleted");
const UNCHANGED: number = KINDS.indexOf("unchanged");
const NOT_COMPARED: number = KINDS.length;

// Key hash, value hashes in the earlier and the later state (zero where absent), version u64,
// whether there is an earlier value, kind.
const OLD_AT: number = HASH_BYTES;
const NEW_AT: number = 2 * HASH_BYTES;
const VERSION_AT: number = 3 * HASH_BYTES;
const HAS_OLD_AT: number = VERSION_AT + 8;
const KIND_AT: number = HAS_OLD_AT + 1;
/** Bytes of a key in packed form. */
export const ENTRY_BYTES: number = KIND_AT + 1;

/**
 * The keys that were written between two states, ascending by key hash; packed, so that it is
 * small. What became of them is found when it is needed: the tree is then read in one place after
 * the other, and by who goes on to read there.
 */
export class ChangedKeys {
  static readonly NONE: ChangedKeys = new ChangedKeys(Buffer.alloc(0));

  readonly packed: Buffer;
  readonly count: number;
  readonly #keyHash: Buffer = Buffer.alloc(HASH_BYTES);

  constructor(packed: Buffer) {
    this.packed = packed;
    this.count = packed.length / ENTRY_BYTES;
  }

  /** A view. */
  keyHash(index: number): Buffer {
    const at = index * ENTRY_BYTES;
    return this.packed.subarray(at, at + HASH_BYTES);
  }

  /** Bit `depth` of a key hash. */
  bit(index: number, depth: number): 0 | 1 {
    const byte = this.packed[index * ENTRY_BYTES + (depth >> 3)] ?? 0;
    return ((byte >> (7 - (depth & 7))) & 1) === 0 ? 0 : 1;
  }

  /** Where a key hash lies. */
  keyHashPlace(index: number): HashPlace {
    return { bytes: this.packed, at: index * ENTRY_BYTES };
  }

  /** Where the hash of the value in the earlier state lies; null when the key was absent. */
  oldValueHash(index: number): HashPlace | null {
    const at = index * ENTRY_BYTES;
    return this.packed[at + HAS_OLD_AT] === 0 ? null : { bytes: this.packed, at: at + OLD_AT };
  }

  /** The version that wrote the key last. */
  version(index: number): bigint {
    return this.packed.readBigUInt64BE(index * ENTRY_BYTES + VERSION_AT);
  }

  /** Compares those of the indexes `low` to `high - 1` with the later state. */
  compare(low: number, high: number, later: LaterLeaves): void {
    for (let index = low; index < high; index++) {
      const kindAt = index * ENTRY_BYTES + KIND_AT;
      if (this.packed[kindAt] !== NOT_COMPARED) continue;
      this.packed[kindAt] = KINDS.indexOf(this.#compared(index, later));
    }
  }

  /** Only of a key that was compared. */
  kind(index: number): ChangeKind {
    const kind = KINDS[this.packed[index * ENTRY_BYTES + KIND_AT] ?? NOT_COMPARED];
    if (kind === undefined) throw new Error("a key was not compared");
    return kind;
  }

  /**
   * Where the hash of the value in the later state lies. Only of a key that was compared, and that
   * this state has.
   */
  newValueHash(index: number): HashPlace {
    return { bytes: this.packed, at: index * ENTRY_BYTES + NEW_AT };
  }

  /** How many of the indexes `low` to `high - 1`, which were compared, differ; and are deleted. */
  differences(low: number, high: number): { readonly changed: number; readonly deleted: number } {
    let changed = 0;
    let deleted = 0;
    for (let index = low; index < high; index++) {
      const kind = this.packed[index * ENTRY_BYTES + KIND_AT];
      if (kind !== UNCHANGED) changed++;
      if (kind === DELETED) deleted++;
    }
    return { changed, deleted };
  }

  /** Index of the first key hash that is not below `keyHash`; null stands for the end. */
  indexOf(keyHash: Buffer | null): number {
    if (keyHash === null) return this.count;
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareKeyHash(this.keyHash(middle), keyHash) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * The first index from `low` on, below `high`, whose nibble at `depth` is above `nibble`; the
   * key hashes there share the nibbles before it.
   */
  behindNibble(depth: number, nibble: number, low: number, high: number): number {
    let [from, to] = [low, high];
    const byteAt = depth >> 1;
    const shift = (depth & 1) === 0 ? 4 : 0;
    while (from < to) {
      const middle = (from + to) >> 1;
      const byte = this.packed[middle * ENTRY_BYTES + byteAt] ?? 0;
      if (((byte >> shift) & 15) <= nibble) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /** These and others behind them. */
  followedBy(others: ChangedKeys): ChangedKeys {
    if (this.count === 0) return others;
    return new ChangedKeys(Buffer.concat([this.packed, others.packed]));
  }

  #compared(index: number, later: LaterLeaves): ChangeKind {
    const at = index * ENTRY_BYTES;
    const { packed } = this;
    const hadOld = packed[at + HAS_OLD_AT] === 1;
    const leaf = later.locateLeaf(this.#keyHashOf(index));
    if (leaf === null) return hadOld ? "deleted" : "unchanged";
    const valueAt = leaf.at + HASH_BYTES;
    copyHash(packed, at + NEW_AT, leaf.bytes, valueAt);
    if (!hadOld) return "added";
    return sameHash(packed, at + OLD_AT, packed, at + NEW_AT) ? "unchanged" : "overwritten";
  }

  /** A copy that is good until the next one: a view is an object for each key. */
  #keyHashOf(index: number): Buffer {
    copyHash(this.#keyHash, 0, this.packed, index * ENTRY_BYTES);
    return this.#keyHash;
  }
}

/** Packs a key, which is not compared yet, at `at`. */
export function packWritten(packed: Buffer, at: number, written: WrittenKey): void {
  const { keyHash, oldValueHash, version } = written;
  packed.set(keyHash, at);
  packed.fill(0, at + OLD_AT, at + VERSION_AT);
  if (oldValueHash !== null) packed.set(oldValueHash, at + OLD_AT);
  packed.writeBigUInt64BE(version, at + VERSION_AT);
  packed[at + HAS_OLD_AT] = oldValueHash === null ? 0 : 1;
  packed[at + KIND_AT] = NOT_COMPARED;
}

/** The key packed at `at` was written again, as it is packed at `later`. */
export function packAgain(packed: Buffer, at: number, again: Buffer, againAt: number): void {
  again.copy(packed, at + VERSION_AT, againAt + VERSION_AT, againAt + HAS_OLD_AT);
}

function sameHash(a: Buffer, aAt: number, b: Buffer, bAt: number): boolean {
  for (let i = 0; i < HASH_BYTES; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}
