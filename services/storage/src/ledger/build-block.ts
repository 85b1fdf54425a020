import { HoldfastError, limits } from "@holdfast/core";
import {
  encodeTransactionInfo,
  eventRoot,
  logLeafHash,
  nodeHash,
  sha256,
  writeSetHash,
} from "@holdfast/merkle";
import type { TreeHasher } from "../state/tree-hasher.js";
import { type NodeStore, updateTree } from "../state/tree-update.js";
import type { Block, CommitAnswer } from "./block.js";
import type { BlockSink } from "./block-sink.js";
import type { Head } from "./head.js";
import { keyWritesOf } from "./key-writes.js";

/** Where a block finds what it needs besides the head. */
export interface BlockSources {
  /** The tree nodes of the head, wherever they are. */
  readonly nodes: Pick<NodeStore, "pending" | "load">;
  /** Now, microseconds. */
  readonly wallUs: () => bigint;
  readonly randomBytes: (count: number) => Buffer;
  readonly treeHasher: TreeHasher;
}

/** A block that was built on a head. */
export interface BuiltBlock {
  /** The head after it. */
  readonly head: Head;
  readonly answer: CommitAnswer;
}

const ID_BYTES = 16;

/**
 * Builds a checked block on a head and gives the sink all that it writes. The head is left as it
 * is.
 * @throws VERSION_MISMATCH, or INVALID_REQUEST for a key that is written twice; the sink then
 * holds part of a block and must be emptied.
 */
export function buildBlock(
  block: Block,
  head: Head,
  sources: BlockSources,
  sink: BlockSink,
): BuiltBlock {
  const firstVersion = head.version === null ? 0n : head.version + 1n;
  checkVersions(block, firstVersion);
  const { transactions } = block;
  const version = firstVersion + BigInt(transactions.length) - 1n;
  const timeUs = notBefore(head.timeUs, sources.wallUs());
  // Refuses what is wrong before any hashing of the tree.
  const writeSetHashes = transactions.map(({ writeSet }) => writeSetHash(writeSet));

  const shardJournalEntries = [...head.shardJournalEntries];
  const counting = countingSink(sink, shardJournalEntries);
  const { nodes } = sources;
  const store: NodeStore = {
    pending: (oldVersion, path) => nodes.pending(oldVersion, path),
    load: (oldVersion, path) => nodes.load(oldVersion, path),
    written: (path, node) => sink.node(path, node),
    replaced: (oldVersion, path) => sink.staleNode(oldVersion, path),
  };
  const writes = keyWritesOf(transactions, firstVersion, counting);
  const root = updateTree(head.root, version, writes, store, sources.treeHasher);
  const stateRoot = Buffer.from(nodeHash(root.subtree.node));

  const frontier = head.frontier.copy();
  for (const [index, transaction] of transactions.entries()) {
    const info = encodeTransactionInfo({
      version: firstVersion + BigInt(index),
      commitTimeUs: timeUs,
      payloadHash: sha256(transaction.payload),
      writeSetHash: writeSetHashes[index] ?? Buffer.alloc(0),
      eventRoot: eventRoot(transaction.events),
      stateRoot: index === transactions.length - 1 ? stateRoot : null,
    });
    sink.transaction(firstVersion + BigInt(index), transaction.encoded, info);
    for (const node of frontier.append(logLeafHash(info))) sink.logNode(node);
  }

  const isGenesis = head.ledgerId === null;
  const ledgerId = head.ledgerId ?? sources.randomBytes(ID_BYTES);
  const histories = isGenesis
    ? [{ historyId: sources.randomBytes(ID_BYTES), forkVersion: null }]
    : head.histories;
  const answer: CommitAnswer = {
    firstVersion,
    committedVersion: version,
    stateRoot,
    logRoot: frontier.root(),
    commitTimeUs: timeUs,
    ledgerId,
    historyId: histories[0]?.historyId ?? Buffer.alloc(0),
    repeatedRequest: false,
  };
  if (block.requestId !== "") sink.request(block.requestId, block.bodyHash, answer);
  const genesis = isGenesis ? { ledgerId, histories } : null;
  sink.checkpoint({ version, timeUs, root, shardJournalEntries }, genesis);
  return {
    head: { ledgerId, histories, version, timeUs, root, frontier, shardJournalEntries },
    answer,
  };
}

/** Time never decreases, whatever the wall clock does. */
function notBefore(timeUs: bigint, nowUs: bigint): bigint {
  return nowUs < timeUs ? timeUs : nowUs;
}

function checkVersions(block: Block, firstVersion: bigint): void {
  const { expectedFirstVersion, transactions } = block;
  if (expectedFirstVersion !== null && expectedFirstVersion !== firstVersion) {
    throw new HoldfastError(
      "VERSION_MISMATCH",
      `The next version is ${firstVersion}, not ${expectedFirstVersion}. Read again and decide.`,
      {
        metadata: {
          next_version: `${firstVersion}`,
          expected_first_version: `${expectedFirstVersion}`,
        },
      },
    );
  }
  if (firstVersion + BigInt(transactions.length) - 1n > limits.VERSION_MAX) {
    throw new HoldfastError("INVALID_REQUEST", "The ledger has no more versions.");
  }
}

/** Counts the journal entries of each shard on their way. */
function countingSink(
  sink: BlockSink,
  shardJournalEntries: bigint[],
): Pick<BlockSink, "row" | "staleRows"> {
  return {
    row(keyHash, version, item, oldValueHash) {
      const shard = (keyHash[0] ?? 0) >> 4;
      shardJournalEntries[shard] = (shardJournalEntries[shard] ?? 0n) + 1n;
      sink.row(keyHash, version, item, oldValueHash);
    },
    staleRows: (keyHash) => sink.staleRows(keyHash),
  };
}
