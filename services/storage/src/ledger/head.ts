import { LogFrontier } from "@holdfast/merkle";
import { PhysicalNode } from "../state/physical-node.js";
import type { History, StoreReader } from "../state/state-reader.js";

/** Where the store stands: all that the next block builds on. */
export interface Head {
  /** Null before the first block. */
  readonly ledgerId: Buffer | null;
  readonly histories: readonly History[];
  /** The newest version; null before the first block. */
  readonly version: bigint | null;
  readonly timeUs: bigint;
  readonly root: PhysicalNode;
  readonly frontier: LogFrontier;
  readonly shardJournalEntries: readonly bigint[];
}

const SHARDS = 16;

/** The head of a store as it is on disk. @throws ROW_CORRUPT when what it must have is missing. */
export function readHead(reader: StoreReader): Head {
  const { ledgerId, committed, timeUs, histories } = reader.meta();
  const checkpoint = committed === null ? null : reader.checkpoint(committed);
  if (committed !== null && checkpoint === null) {
    throw new Error(`the checkpoint of the newest version ${committed} is missing`);
  }
  return {
    ledgerId,
    histories,
    version: committed,
    timeUs,
    root: checkpoint?.root ?? PhysicalNode.EMPTY,
    frontier: readFrontier(committed === null ? 0n : committed + 1n, reader),
    shardJournalEntries: checkpoint?.shardJournalEntries ?? new Array<bigint>(SHARDS).fill(0n),
  };
}

/** The frontier of the log of `size` leaves. */
function readFrontier(size: bigint, reader: StoreReader): LogFrontier {
  const subtrees: Buffer[] = [];
  let start = 0n;
  for (let level = size.toString(2).length - 1; level >= 0; level--) {
    const width = 1n << BigInt(level);
    if ((size & width) === 0n) continue;
    subtrees.push(reader.logNode(level, start / width));
    start += width;
  }
  return LogFrontier.of(size, subtrees);
}
