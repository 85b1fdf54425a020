import type { WrittenKey } from "./changed-keys.js";

/** Told of the journal entries of a key range. */
export interface JournalVisitor {
  /** Key hashes from here on are not wanted; null: all are. May come down during a walk. */
  readonly end: Buffer | null;
  /** @param written valid during the call; it says what this entry says. */
  entry(written: WrittenKey): void;
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
