import type { LogNode } from "@holdfast/merkle";
import type { PhysicalNode } from "../state/physical-node.js";
import type { History } from "../state/state-reader.js";
import type { CommitAnswer } from "./block.js";

/** Takes all that a block writes, to be written as one step or not at all. */
export interface BlockSink {
  /**
   * A write that changes something: a row and its journal entry.
   * @param item the encoded StateItem; null for a delete.
   * @param oldValueHash of the value before this write; null when the key was absent.
   */
  row(keyHash: Buffer, version: bigint, item: Buffer | null, oldValueHash: Buffer | null): void;
  /** The key has rows that are of no use once the state starts at this block. */
  staleRows(keyHash: Buffer): void;
  /** A tree node of the block's checkpoint. */
  node(path: string, node: PhysicalNode): void;
  /** A tree node that the block's checkpoint no longer reaches. */
  staleNode(version: bigint, path: string): void;
  logNode(node: LogNode): void;
  /** A transaction: its own encoding, and the layout of its info. */
  transaction(version: bigint, encoded: Buffer, info: Buffer): void;
  /** The request id and the answer to repeat; ids whose time is over go. */
  request(id: string, bodyHash: Buffer, answer: CommitAnswer): void;
  /** The block is complete; `genesis` is set for the first one. */
  checkpoint(checkpoint: NewCheckpoint, genesis: Genesis | null): void;
}

/** What the end of a block fixes. */
export interface NewCheckpoint {
  readonly version: bigint;
  readonly timeUs: bigint;
  readonly root: PhysicalNode;
  readonly shardJournalEntries: readonly bigint[];
}

/** What the first block of a store makes. */
export interface Genesis {
  readonly ledgerId: Buffer;
  readonly histories: readonly History[];
}
