import type { ChangedKey } from "./changed-keys.js";
import { changesOf, type GatheredChanges, memoryOf, type WrittenKey } from "./gathered-changes.js";
import type { TreeView } from "./tree-view.js";

/** Told of the journal entries of a key range. Text is latin1, one character for each byte. */
export interface JournalVisitor {
  /** Key hashes from here on are not wanted; null: all are. May come down during a walk. */
  readonly end: string | null;
  /** @param oldValueHash "" when the key was absent. */
  entry(keyHash: string, oldValueHash: string, version: bigint): void;
}

/** Walks the journal of one shard. */
export interface JournalWalk {
  /**
   * Visits the entries with `after` < version <= `to` and key hashes from `start` on, by version.
   * Stops behind a version when it has looked at `entriesMax` entries.
   * @returns the version it came to, null when it is through; and how many it looked at.
   */
  walk(
    shard: number,
    versions: { readonly after: bigint; readonly to: bigint },
    start: Buffer,
    entriesMax: number,
    visitor: JournalVisitor,
  ): { readonly stoppedAt: bigint | null; readonly looked: number };
}

/** A walk keeps the lowest so many keys, and twice as many between two clearings. */
const KEYS_KEPT = 4_096;
const SHARD_BITS = 4;

/** Finds the keys at which a later state differs from an earlier one. */
export class ChangeGatherer {
  readonly #journal: JournalWalk;
  readonly #later: TreeView;
  readonly #versions: { readonly after: bigint; readonly to: bigint };

  constructor(
    versions: { readonly after: bigint; readonly to: bigint },
    { journal, later }: { readonly journal: JournalWalk; readonly later: TreeView },
  ) {
    this.#journal = journal;
    this.#later = later;
    this.#versions = versions;
  }

  /**
   * Covers more key hashes, at most one shard's, in one walk through its journal. Memory is
   * bounded by leaving the higher key hashes to the next walk.
   * @returns what is gathered then, and how many entries were looked at.
   */
  step(
    gathered: GatheredChanges,
    entriesMax: number,
  ): { readonly gathered: GatheredChanges; readonly looked: number } {
    if (gathered.coveredTo === null) return { gathered, looked: 0 };
    const start = Buffer.from(gathered.coveredTo);
    const shard = (start[0] ?? 0) >> SHARD_BITS;
    const { pass } = gathered;
    const written = new WrittenKeys(pass?.written ?? new Map(), pass?.end ?? null);
    const versions = { ...this.#versions, after: pass?.afterVersion ?? this.#versions.after };
    const { stoppedAt, looked } = this.#journal.walk(shard, versions, start, entriesMax, written);
    if (stoppedAt !== null) {
      const { keys, end } = written;
      return {
        gathered: { ...gathered, pass: { written: keys, end, afterVersion: stoppedAt } },
        looked,
      };
    }
    const found = written.ascending().flatMap((key) => this.#compare(key));
    const changes = memoryOf(changesOf(gathered).followedBy(found));
    const coveredTo = written.end === null ? behindShard(shard) : bytesOf(written.end);
    return { gathered: { changes, coveredTo, pass: null }, looked };
  }

  /** What the later state makes of a key that was written. */
  #compare([key, { oldValueHash: old, version }]: readonly [string, WrittenKey]): ChangedKey[] {
    const keyHash = bytesOf(key);
    const oldValueHash = old === "" ? null : bytesOf(old);
    const newValueHash = this.#later.leaf(keyHash)?.valueHash ?? null;
    if (newValueHash === null) {
      if (oldValueHash === null) return [];
      return [{ keyHash, kind: "deleted", oldValueHash, newValueHash, version }];
    }
    if (oldValueHash === null) {
      return [{ keyHash, kind: "added", oldValueHash, newValueHash, version }];
    }
    if (newValueHash.equals(oldValueHash)) return [];
    return [{ keyHash, kind: "overwritten", oldValueHash, newValueHash, version }];
  }
}

/** The lowest keys written. */
class WrittenKeys implements JournalVisitor {
  keys: Map<string, WrittenKey>;
  end: string | null;

  constructor(keys: ReadonlyMap<string, WrittenKey>, end: string | null) {
    this.keys = new Map(keys);
    this.end = end;
  }

  entry(keyHash: string, oldValueHash: string, version: bigint): void {
    const before = this.keys.get(keyHash);
    this.keys.set(keyHash, { oldValueHash: before?.oldValueHash ?? oldValueHash, version });
    if (this.keys.size >= 2 * KEYS_KEPT) this.#clear();
  }

  ascending(): [string, WrittenKey][] {
    return [...this.keys].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Leaves the upper half to the next walk. */
  #clear(): void {
    const sorted = this.ascending();
    this.end = sorted[KEYS_KEPT]?.[0] ?? this.end;
    this.keys = new Map(sorted.slice(0, KEYS_KEPT));
  }
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** The lowest key hash behind a shard; null behind the last. */
function behindShard(shard: number): Buffer | null {
  if (shard === 15) return null;
  const keyHash = Buffer.alloc(32);
  keyHash[0] = (shard + 1) << SHARD_BITS;
  return keyHash;
}
