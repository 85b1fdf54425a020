import { compareKeyHash, HASH_BYTES } from "@holdfast/merkle";

/** How the later state differs at a key. */
export type ChangeKind = "added" | "overwritten" | "deleted";

const KINDS: readonly ChangeKind[] = ["added", "overwritten", "deleted"];
/** Key hash, kind, value hashes in the earlier and the later state (zero where absent), version. */
const ENTRY_BYTES: number = 3 * HASH_BYTES + 9;
const KIND_AT: number = HASH_BYTES;
const OLD_AT: number = HASH_BYTES + 1;
const NEW_AT: number = 2 * HASH_BYTES + 1;
const VERSION_AT: number = 3 * HASH_BYTES + 1;

/** The keys at which two states differ, ascending by key hash; packed, so that it is small. */
export class ChangedKeys {
  static readonly NONE: ChangedKeys = new ChangedKeys(Buffer.alloc(0));

  readonly packed: Buffer;
  readonly count: number;
  /** Deleted keys before each index; made when first asked for. */
  #deletedBefore: Uint32Array | null = null;

  constructor(packed: Buffer) {
    this.packed = packed;
    this.count = packed.length / ENTRY_BYTES;
  }

  /** A view. */
  keyHash(index: number): Buffer {
    const at = index * ENTRY_BYTES;
    return this.packed.subarray(at, at + HASH_BYTES);
  }

  kind(index: number): ChangeKind {
    return KINDS[this.packed[index * ENTRY_BYTES + KIND_AT] ?? 0] ?? "added";
  }

  /** Hash of the value in the earlier state, a view; null when the key was absent. */
  oldValueHash(index: number): Buffer | null {
    if (this.kind(index) === "added") return null;
    const at = index * ENTRY_BYTES + OLD_AT;
    return this.packed.subarray(at, at + HASH_BYTES);
  }

  /** Hash of the value in the later state, a view; null when the key is absent. */
  newValueHash(index: number): Buffer | null {
    if (this.kind(index) === "deleted") return null;
    const at = index * ENTRY_BYTES + NEW_AT;
    return this.packed.subarray(at, at + HASH_BYTES);
  }

  /** The version that wrote the key last. */
  version(index: number): bigint {
    return this.packed.readBigUInt64BE(index * ENTRY_BYTES + VERSION_AT);
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

  /** Deleted keys among the indexes `low` to `high - 1`. */
  deletedIn(low: number, high: number): number {
    const before = this.#deleted();
    return (before[high] ?? 0) - (before[low] ?? 0);
  }

  /** Those from index `low` on, in memory of their own. */
  from(low: number): ChangedKeys {
    return new ChangedKeys(Buffer.from(this.packed.subarray(low * ENTRY_BYTES)));
  }

  /** These and others behind them. */
  followedBy(others: readonly ChangedKey[]): ChangedKeys {
    const packed = Buffer.alloc(this.packed.length + others.length * ENTRY_BYTES);
    packed.set(this.packed);
    let at = this.packed.length;
    for (const { keyHash, kind, oldValueHash, newValueHash, version } of others) {
      packed.set(keyHash, at);
      packed[at + KIND_AT] = KINDS.indexOf(kind);
      if (oldValueHash !== null) packed.set(oldValueHash, at + OLD_AT);
      if (newValueHash !== null) packed.set(newValueHash, at + NEW_AT);
      packed.writeBigUInt64BE(version, at + VERSION_AT);
      at += ENTRY_BYTES;
    }
    return new ChangedKeys(packed);
  }

  #deleted(): Uint32Array {
    if (this.#deletedBefore === null) {
      const before = new Uint32Array(this.count + 1);
      for (let i = 0; i < this.count; i++) {
        before[i + 1] = (before[i] ?? 0) + (this.kind(i) === "deleted" ? 1 : 0);
      }
      this.#deletedBefore = before;
    }
    return this.#deletedBefore;
  }
}

/** One of them. */
export interface ChangedKey {
  readonly keyHash: Buffer;
  readonly kind: ChangeKind;
  /** Null when added. */
  readonly oldValueHash: Buffer | null;
  /** Null when deleted. */
  readonly newValueHash: Buffer | null;
  /** The version that wrote it last. */
  readonly version: bigint;
}
