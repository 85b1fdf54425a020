import type { LogNode } from "@holdfast/merkle";
import type { CommitAnswer } from "../ledger/block.js";
import type { BlockSink, Genesis, NewCheckpoint } from "../ledger/block-sink.js";
import type { PhysicalNode } from "../state/physical-node.js";
import { encodeCheckpoint } from "./checkpoint-codec.js";
import {
  CHECKPOINTS,
  INFOS,
  JOURNAL,
  LOG,
  META_DATABASE,
  NODES,
  STALE,
  STATE,
  TRANSACTIONS,
} from "./database-table.js";
import { type BatchWriter, OPERATION } from "./packed-batch.js";
import type { RequestIds } from "./request-ids.js";
import {
  encodeHistories,
  JOURNAL_KEY_BYTES,
  logKey,
  META,
  nodeKeyBytes,
  SHARDS,
  STATE_KEY_BYTES,
  shardOf,
  shardOfPath,
  u64,
  writeJournalKey,
  writeNodeKey,
  writeStateKey,
} from "./schema.js";
import { StaleList } from "./stale-list.js";

const NOTHING: Buffer = Buffer.alloc(0);

/** A node that the block writes. */
interface NewNode {
  readonly path: string;
  readonly node: PhysicalNode;
}

/** Packs what one block writes into a batch. */
export class BatchSink implements BlockSink {
  readonly #batch: BatchWriter;
  readonly #requests: RequestIds;
  readonly #journalOperation: number;
  /** By depth, then ascending by path: the order of their keys. */
  readonly #nodes: NewNode[][] = [];
  readonly #stale: readonly StaleList[] = Array.from({ length: SHARDS }, () => new StaleList());

  /**
   * @param isOneVersion the block has one transaction: its journal entries, which come ascending by
   * key hash, are then behind all that the journal holds.
   */
  constructor(batch: BatchWriter, requests: RequestIds, isOneVersion: boolean) {
    this.#batch = batch;
    this.#requests = requests;
    this.#journalOperation = isOneVersion ? OPERATION.append : OPERATION.put;
  }

  /** The nodes that were given. */
  *nodes(): Generator<NewNode> {
    for (const level of this.#nodes) yield* level ?? [];
  }

  row(keyHash: Buffer, version: bigint, item: Buffer | null, oldValueHash: Buffer | null): void {
    const batch = this.#batch;
    const shard = shardOf(keyHash);
    const row = item ?? NOTHING;
    const rowAt = batch.entry(OPERATION.put, STATE + shard, STATE_KEY_BYTES, row.length);
    writeStateKey(batch.target, rowAt, keyHash, version);
    batch.target.set(row, rowAt + STATE_KEY_BYTES);
    const old = oldValueHash ?? NOTHING;
    const oldAt = batch.entry(
      this.#journalOperation,
      JOURNAL + shard,
      JOURNAL_KEY_BYTES,
      old.length,
    );
    writeJournalKey(batch.target, oldAt, version, keyHash);
    batch.target.set(old, oldAt + JOURNAL_KEY_BYTES);
  }

  staleRows(keyHash: Buffer): void {
    this.#stale[shardOf(keyHash)]?.addRows(keyHash);
  }

  node(path: string, node: PhysicalNode): void {
    let level = this.#nodes[path.length];
    if (level === undefined) {
      level = [];
      this.#nodes[path.length] = level;
    }
    level.push({ path, node });
  }

  staleNode(version: bigint, path: string): void {
    this.#stale[shardOfPath(path)]?.addNode(version, path);
  }

  logNode({ level, index, hash }: LogNode): void {
    this.#batch.put(LOG, logKey(level, index), hash);
  }

  transaction(version: bigint, encoded: Buffer, info: Buffer): void {
    const key = u64(version);
    this.#batch.append(INFOS, key, info);
    this.#batch.append(TRANSACTIONS, key, encoded);
  }

  request(id: string, bodyHash: Buffer, answer: CommitAnswer): void {
    this.#requests.add(id, bodyHash, answer, this.#batch);
  }

  checkpoint(checkpoint: NewCheckpoint, genesis: Genesis | null): void {
    const batch = this.#batch;
    const { version } = checkpoint;
    const key = u64(version);
    for (const level of this.#nodes) {
      for (const { path, node } of level ?? []) {
        const shard = shardOfPath(path);
        const { encoded } = node;
        const keyBytes = nodeKeyBytes(path.length);
        const at = batch.entry(OPERATION.append, NODES + shard, keyBytes, encoded.length);
        writeNodeKey(batch.target, at, version, path);
        batch.target.set(encoded, at + keyBytes);
      }
    }
    for (const [shard, list] of this.#stale.entries()) {
      if (!list.isEmpty) batch.append(STALE + shard, key, list.encode());
    }
    batch.append(CHECKPOINTS, key, encodeCheckpoint(checkpoint));
    batch.put(META_DATABASE, META.committed, key);
    batch.put(META_DATABASE, META.timeUs, u64(checkpoint.timeUs));
    if (genesis === null) return;
    batch.put(META_DATABASE, META.ledgerId, genesis.ledgerId);
    batch.put(META_DATABASE, META.histories, encodeHistories(genesis.histories));
    for (const oldest of [META.oldestState, META.oldestTransaction, META.oldestJournal]) {
      batch.put(META_DATABASE, oldest, u64(0n));
    }
  }
}
