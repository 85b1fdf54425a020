import type { TransactionInfo } from "@holdfast/merkle";
import type { PhysicalNode } from "./physical-node.js";

/** A line of the store: which data its versions mean. */
export interface History {
  /** 16 random bytes. */
  readonly historyId: Buffer;
  /** The last version shared with its parent, the next in the list; null at genesis. */
  readonly forkVersion: bigint | null;
}

/** What a generation says of itself. */
export interface StoreMeta {
  /** 16 bytes; null for an empty store. */
  readonly ledgerId: Buffer | null;
  /** The newest version, always a checkpoint; null for an empty store. */
  readonly committed: bigint | null;
  /** Commit time of the newest version, microseconds; 0 for an empty store. */
  readonly timeUs: bigint;
  /** The current history first, then its parents; empty for an empty store. */
  readonly histories: readonly History[];
  /** The oldest version whose state can be read; 0 for an empty store. */
  readonly oldestState: bigint;
  /** The oldest version whose payload, write set and events are kept. */
  readonly oldestTransaction: bigint;
  /** The oldest version a delta can start from. */
  readonly oldestJournal: bigint;
}

/** A version at which roots and proofs exist. */
export interface Checkpoint {
  readonly version: bigint;
  /** Microseconds. */
  readonly timeUs: bigint;
  /** Keys in the state. */
  readonly items: bigint;
  /** Sum of the encoded lengths of the state's items. */
  readonly bytes: bigint;
  readonly stateRoot: Buffer;
  /** The top of the tree: 16 slots, leaves for lone keys. */
  readonly root: PhysicalNode;
  /** Journal entries ever written up to here, all shards. */
  readonly journalEntries: bigint;
  /** The same for each shard. */
  readonly shardJournalEntries: readonly bigint[];
}

/** The checkpoints next to a version; null where there is none that is kept. */
export interface CheckpointsAround {
  readonly before: bigint | null;
  readonly after: bigint | null;
}

/**
 * Called for each journal entry in order.
 * @param oldValueHash the value's hash before the write; null when the key was absent.
 * @returns false to stop.
 */
export type JournalVisit = (
  keyHash: Buffer,
  oldValueHash: Buffer | null,
  version: bigint,
) => boolean;

/** Called with each encoded StateItem in order. @returns false to stop behind it. */
export type ItemVisit = (keyHash: Buffer, item: Buffer) => boolean;

/**
 * Reads one generation. One for each thread and generation; between `refresh` and `release` it
 * sees one snapshot of the store and keeps its pages, so hold it for milliseconds. Outside of
 * these, each call sees what is newest. Every buffer returned is a private copy. Each read throws
 * ROW_CORRUPT where a page is damaged.
 */
export interface StoreReader {
  /** Begins a read transaction now, so that the newest commit is seen. */
  refresh(): void;
  /** Ends it: no read transaction stays open. */
  release(): void;
  meta(): StoreMeta;
  /** The checkpoint at exactly this version, or null. @throws ROW_CORRUPT */
  checkpoint(version: bigint): Checkpoint | null;
  /** The nearest checkpoints below and above a version, not itself. */
  checkpointsAround(version: bigint): CheckpointsAround;
  /**
   * The physical node at `path` (one nibble or more) that was written at `version`.
   * @throws ROW_CORRUPT when it is missing or cannot be parsed.
   */
  node(version: bigint, path: string): PhysicalNode;
  /** The same at the first `nibbles` of a key hash. */
  nodeAt(version: bigint, position: Buffer, nibbles: number): PhysicalNode;
  /** The encoded StateItem of a key: its newest row <= version; null: absent or deleted. */
  row(keyHash: Buffer, version: bigint): Buffer | null;
  /**
   * The encoded StateItem that exactly this version wrote; null when it deleted the key, or wrote
   * none. A quarter of the work of `row`, for who knows when a key was written.
   */
  rowOf(keyHash: Buffer, version: bigint): Buffer | null;
  /**
   * Visits the items of the state at a version in order, behind key hash `after` (null: from the
   * first), until `visit` answers false or so many rows were looked at.
   * @returns where to go on; null at the end of the state.
   */
  itemsBehind(
    after: Buffer | null,
    version: bigint,
    rowsMax: number,
    visit: ItemVisit,
  ): Buffer | null;
  /** Null when there is none. @throws ROW_CORRUPT */
  info(version: bigint): TransactionInfo | null;
  /** The encoded storage.Transaction; null when it was pruned or never there. */
  transaction(version: bigint): Buffer | null;
  /** Hash of a complete subtree of the log. @throws ROW_CORRUPT when missing. */
  logNode(level: number, index: bigint): Buffer;
  /**
   * Visits the journal of one shard, versions `after` < v <= `to`, by version, within each by
   * key hash, of key hashes from `start` up to but without `end` (null: to the end).
   */
  journal(
    shard: number,
    after: bigint,
    to: bigint,
    start: Buffer,
    end: Buffer | null,
    visit: JournalVisit,
  ): void;
}
