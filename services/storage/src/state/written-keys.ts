import { HASH_BYTES } from "@holdfast/merkle";
import {
  ChangedKeys,
  ENTRY_BYTES,
  packAgain,
  packWritten,
  type WrittenKey,
} from "./changed-keys.js";
import type { JournalVisitor } from "./journal-walk.js";

/** A walk keeps the lowest so many keys, and twice as many entries between two clearings. */
const KEYS_KEPT = 4_096;
const ENTRIES_MAX: number = 2 * KEYS_KEPT;
/** Entries that there is room for at first. */
const ENTRIES_AT_FIRST = 512;
/** Bytes of a key hash that are sorted as a number, with the entry's position behind them. */
const SORTED_BYTES = 5;

/**
 * Collects the lowest keys that a walk through the journal meets, each with what it held before
 * the first write and with the version of the last.
 */
export class WrittenKeys implements JournalVisitor {
  end: Buffer | null;
  /** As they came: those of older versions first. */
  #entries: Buffer;
  #count: number;

  constructor(before: ChangedKeys, end: Buffer | null) {
    this.#entries = before.packed;
    this.#count = before.count;
    this.end = end;
  }

  entry(written: WrittenKey): void {
    const at = this.#count * ENTRY_BYTES;
    if (at === this.#entries.length) this.#entries = grown(this.#entries);
    packWritten(this.#entries, at, written);
    this.#count++;
    if (this.#count === ENTRIES_MAX) this.#clear();
  }

  /** All of them, each once; in memory of their own. */
  ascending(): ChangedKeys {
    return ascending(this.#entries, this.#count);
  }

  /** Leaves the higher keys to the next walk. */
  #clear(): void {
    const keys = this.ascending();
    if (keys.count > KEYS_KEPT) this.end = Buffer.from(keys.keyHash(KEYS_KEPT));
    this.#count = Math.min(keys.count, KEYS_KEPT);
    keys.packed.copy(this.#entries, 0, 0, this.#count * ENTRY_BYTES);
  }
}

function grown(entries: Buffer): Buffer {
  const bytes = Math.min(
    ENTRIES_MAX * ENTRY_BYTES,
    Math.max(2 * entries.length, ENTRIES_AT_FIRST * ENTRY_BYTES),
  );
  const larger = Buffer.allocUnsafeSlow(bytes);
  entries.copy(larger);
  return larger;
}

/** Sorts entries, and makes one of those of a key. */
function ascending(entries: Buffer, count: number): ChangedKeys {
  const order = new Float64Array(count);
  for (let index = 0; index < count; index++) {
    order[index] = entries.readUIntBE(index * ENTRY_BYTES, SORTED_BYTES) * ENTRIES_MAX + index;
  }
  // Numbers sort natively.
  order.sort();
  const sorted = Buffer.allocUnsafeSlow(count * ENTRY_BYTES);
  let end = 0;
  for (const number of order) {
    const entry = (number % ENTRIES_MAX) * ENTRY_BYTES;
    // The rare neighbours that begin alike are put in order by insertion.
    let at = end;
    let difference = -1;
    while (at > 0) {
      difference = compareHashes(sorted, at - ENTRY_BYTES, entries, entry);
      if (difference <= 0) break;
      at -= ENTRY_BYTES;
    }
    if (difference === 0) {
      packAgain(sorted, at - ENTRY_BYTES, entries, entry);
      continue;
    }
    sorted.copyWithin(at + ENTRY_BYTES, at, end);
    entries.copy(sorted, at, entry, entry + ENTRY_BYTES);
    end += ENTRY_BYTES;
  }
  return new ChangedKeys(end === sorted.length ? sorted : Buffer.from(sorted.subarray(0, end)));
}

function compareHashes(a: Buffer, aAt: number, b: Buffer, bAt: number): number {
  for (let i = 0; i < HASH_BYTES; i++) {
    const difference = (a[aAt + i] ?? 0) - (b[bAt + i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
