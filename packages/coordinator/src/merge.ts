import { chunkItems, compareKeyHash, foldDeltaChunk, sha256 } from "@holdfast/merkle";

/** What a source says of one key: its item, or null that it is deleted. */
export interface MergeEntry {
  readonly keyHash: Buffer;
  /** Encoded StateItem. */
  readonly item: Buffer | null;
}

/** An item of the merged state. */
export interface MergedItem extends MergeEntry {
  readonly item: Buffer;
}

/** Entries of a source in strictly ascending order of key hash, some at a time. */
export type MergeSource = AsyncGenerator<readonly MergeEntry[], void, undefined>;

/** The entries of a full tile's body. @throws PROOF_INVALID when it is not canonical. */
export function entriesOfFull(body: Buffer): MergeEntry[] {
  const entries: MergeEntry[] = [];
  for (const { start, end, keyStart, keyEnd } of chunkItems(body)) {
    entries.push({
      keyHash: sha256(body.subarray(keyStart, keyEnd)),
      item: body.subarray(start, end),
    });
  }
  return entries;
}

/** The entries of a delta tile's body, which is proved on the way. @throws PROOF_INVALID. */
export function entriesOfDelta(path: string, body: Buffer): MergeEntry[] {
  return foldDeltaChunk(path, body).changes.map((change) => ({
    keyHash: change.keyHash,
    item: change.kind === "put" ? change.item : null,
  }));
}

/**
 * Lays sources over one another, the oldest first: of each key the newest source that names it
 * counts, and a deleted key is gone. Memory: one step of each source.
 */
export async function* mergeSources(
  sources: readonly MergeSource[],
): AsyncGenerator<readonly MergedItem[], void, undefined> {
  const cursors = sources.map((source) => new SourceCursor(source));
  try {
    for (;;) {
      for (const cursor of cursors) await cursor.load();
      if (cursors.every((cursor) => cursor.current === null)) return;
      const merged = mergeLoaded(cursors);
      if (merged.length > 0) yield merged;
    }
  } finally {
    for (const cursor of cursors) await cursor.close();
  }
}

/** Merges until a source has to be loaded again. */
function mergeLoaded(cursors: readonly SourceCursor[]): MergedItem[] {
  const merged: MergedItem[] = [];
  const [oldest, ...newer] = cursors;
  let change = lowest(newer);
  for (;;) {
    const base = oldest?.current ?? null;
    if (base === null && change === null) return merged;
    const order =
      base === null ? 1 : change === null ? -1 : compareKeyHash(base.keyHash, change.keyHash);
    const taken = order < 0 ? base : change;
    if (taken !== null && taken.item !== null) merged.push(taken as MergedItem);
    let drained = false;
    if (order <= 0 && oldest !== undefined) drained = oldest.advance();
    if (order >= 0 && change !== null) {
      for (const cursor of newer) {
        if (cursor.current?.keyHash.equals(change.keyHash)) {
          drained = cursor.advance() || drained;
        }
      }
      if (!drained) change = lowest(newer);
    }
    if (drained) return merged;
  }
}

/** The lowest entry of these sources; of one key the newest source's. */
function lowest(cursors: readonly SourceCursor[]): MergeEntry | null {
  let lowest: MergeEntry | null = null;
  for (const { current } of cursors) {
    if (current === null) continue;
    if (lowest === null || compareKeyHash(current.keyHash, lowest.keyHash) <= 0) lowest = current;
  }
  return lowest;
}

/** A position in a source. */
class SourceCursor {
  /** The entry here; null when the source has to be loaded, or is at its end. */
  current: MergeEntry | null = null;
  readonly #source: MergeSource;
  #entries: readonly MergeEntry[] = [];
  #index = 0;
  #ended = false;

  constructor(source: MergeSource) {
    this.#source = source;
  }

  /** Loads the next entries when there are none. */
  async load(): Promise<void> {
    while (this.current === null && !this.#ended) {
      const next = await this.#source.next();
      if (next.done === true) this.#ended = true;
      else {
        this.#entries = next.value;
        this.#index = 0;
        this.current = this.#entries[0] ?? null;
      }
    }
  }

  /** Steps on; true when the source has to be loaded again. */
  advance(): boolean {
    this.#index += 1;
    this.current = this.#entries[this.#index] ?? null;
    return this.current === null;
  }

  async close(): Promise<void> {
    await this.#source.return();
  }
}
