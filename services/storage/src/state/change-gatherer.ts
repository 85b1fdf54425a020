import { ChangedKeys } from "./changed-keys.js";
import { changesOf, type GatheredChanges, memoryOf } from "./gathered-changes.js";
import type { JournalWalk } from "./journal-walk.js";
import { WrittenKeys } from "./written-keys.js";

const SHARD_BITS = 4;

/** Finds the keys at which a later state may differ from an earlier one. */
export class ChangeGatherer {
  readonly #journal: JournalWalk;
  readonly #versions: { readonly after: bigint; readonly to: bigint };

  constructor(
    versions: { readonly after: bigint; readonly to: bigint },
    { journal }: { readonly journal: JournalWalk },
  ) {
    this.#journal = journal;
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
    const before = pass === null ? ChangedKeys.NONE : new ChangedKeys(Buffer.from(pass.written));
    const end = pass === null || pass.end === null ? null : Buffer.from(pass.end);
    const written = new WrittenKeys(before, end);
    const versions = { ...this.#versions, after: pass?.afterVersion ?? this.#versions.after };
    const { stoppedAt, looked } = this.#journal.walk(shard, versions, start, entriesMax, written);
    const found = written.ascending();
    if (stoppedAt !== null) {
      const unfinished = { written: memoryOf(found), end: written.end, afterVersion: stoppedAt };
      return { gathered: { ...gathered, pass: unfinished }, looked };
    }
    const changes = memoryOf(changesOf(gathered).followedBy(found));
    return {
      gathered: { changes, sent: 0, coveredTo: written.end ?? behindShard(shard), pass: null },
      looked,
    };
  }
}

/** The lowest key hash behind a shard; null behind the last. */
function behindShard(shard: number): Buffer | null {
  if (shard === 15) return null;
  const keyHash = Buffer.alloc(32);
  keyHash[0] = (shard + 1) << SHARD_BITS;
  return keyHash;
}
