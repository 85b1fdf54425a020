import { HoldfastError } from "@holdfast/core";
import { decodeTransactionInfo, pathOf, type TransactionInfo } from "@holdfast/merkle";
import type { Transaction } from "lmdb";
import { PhysicalNode } from "../state/physical-node.js";
import type {
  Checkpoint,
  CheckpointsAround,
  ItemVisit,
  JournalVisit,
  StoreMeta,
  StoreReader,
} from "../state/state-reader.js";
import { decodeCheckpoint } from "./checkpoint-codec.js";
import type { Bytes, GenerationEnv } from "./generation-env.js";
import { ItemWalk } from "./item-walk.js";
import { pageDamage, readablePages } from "./page-damage.js";
import {
  decodeHistories,
  journalKey,
  logKey,
  META,
  nodeKeyBytes,
  SHARDS,
  STATE_KEY_BYTES,
  shardOf,
  shardOfPath,
  stateKey,
  u64,
  writeNodeKey,
  writeNodeKeyAt,
  writeStateKey,
} from "./schema.js";

const KEY_HASH_BYTES = 32;
const FIRST_STATE_KEY: Buffer = Buffer.alloc(1);
const LAST_KEY_HASH: Buffer = Buffer.alloc(KEY_HASH_BYTES, 0xff);

/** `StoreReader` on LMDB. */
export class LmdbStoreReader implements StoreReader {
  readonly #env: GenerationEnv;
  #transaction: Transaction | null = null;
  /** Of each read: the transaction held, or none. */
  #options: ReadOptions = {};
  /** By number of nibbles. */
  readonly #nodeKeys: Buffer[] = [];
  readonly #stateKey: Buffer = Buffer.alloc(STATE_KEY_BYTES);

  constructor(env: GenerationEnv) {
    this.#env = env;
  }

  refresh(): void {
    this.release();
    this.#env.root.resetReadTxn();
    this.#transaction = this.#env.root.useReadTransaction();
    this.#options = { transaction: this.#transaction };
  }

  release(): void {
    this.#transaction?.done();
    this.#transaction = null;
    this.#options = {};
    this.#env.root.resetReadTxn();
  }

  meta(): StoreMeta {
    const { meta } = this.#env;
    const number = (key: Buffer): bigint | null => this.#get(meta, key)?.readBigUInt64BE() ?? null;
    const histories = this.#get(meta, META.histories);
    return {
      ledgerId: this.#get(meta, META.ledgerId),
      committed: number(META.committed),
      timeUs: number(META.timeUs) ?? 0n,
      histories: histories === null ? [] : decodeHistories(histories),
      oldestState: number(META.oldestState) ?? 0n,
      oldestTransaction: number(META.oldestTransaction) ?? 0n,
      oldestJournal: number(META.oldestJournal) ?? 0n,
    };
  }

  checkpoint(version: bigint): Checkpoint | null {
    const value = this.#get(this.#env.checkpoints, u64(version));
    if (value === null) return null;
    return parsed(`The checkpoint of version ${version}`, () => decodeCheckpoint(version, value));
  }

  checkpointsAround(version: bigint): CheckpointsAround {
    const { checkpoints } = this.#env;
    const { oldestState } = this.meta();
    const before = version === 0n ? null : first(this.#keys(checkpoints, u64(version - 1n), true));
    // Below the oldest state, checkpoints are kept for the journal's counters only.
    const from = version + 1n < oldestState ? oldestState : version + 1n;
    const after = first(this.#keys(checkpoints, u64(from), false));
    const beforeVersion = before?.readBigUInt64BE() ?? null;
    return {
      before: beforeVersion !== null && beforeVersion < oldestState ? null : beforeVersion,
      after: after?.readBigUInt64BE() ?? null,
    };
  }

  node(version: bigint, path: string): PhysicalNode {
    const key = this.#nodeKeyOf(path.length);
    writeNodeKey(key, 0, version, path);
    const value = this.#get(this.#shard(this.#env.nodes, shardOfPath(path)), key);
    if (value === null) throw nodeMissing(path, version);
    return PhysicalNode.decode(value);
  }

  nodeAt(version: bigint, position: Buffer, nibbles: number): PhysicalNode {
    const key = this.#nodeKeyOf(nibbles);
    writeNodeKeyAt(key, version, position, nibbles);
    const value = this.#get(this.#shard(this.#env.nodes, shardOf(position)), key);
    if (value === null) throw nodeMissing(pathOf(position, nibbles), version);
    return PhysicalNode.decode(value);
  }

  row(keyHash: Buffer, version: bigint): Buffer | null {
    const rows = this.#shard(this.#env.state, shardOf(keyHash));
    const range = { start: stateKey(keyHash, version), limit: 1, ...this.#options };
    for (const { key, value } of readablePages(rows.getRange(range))) {
      const isOwn = key.compare(keyHash, 0, KEY_HASH_BYTES, 0, KEY_HASH_BYTES) === 0;
      return isOwn && value.length > 0 ? value : null;
    }
    return null;
  }

  rowOf(keyHash: Buffer, version: bigint): Buffer | null {
    writeStateKey(this.#stateKey, 0, keyHash, version);
    const row = this.#get(this.#shard(this.#env.state, shardOf(keyHash)), this.#stateKey);
    return row === null || row.length === 0 ? null : row;
  }

  itemsBehind(
    after: Buffer | null,
    version: bigint,
    rowsMax: number,
    visit: ItemVisit,
  ): Buffer | null {
    const walk = new ItemWalk(after, version, rowsMax, visit);
    for (let shard = after === null ? 0 : shardOf(after); shard < SHARDS; shard++) {
      let start: Buffer | null = after === null ? FIRST_STATE_KEY : stateKey(after, 0n);
      while (start !== null) {
        const rows = this.#shard(this.#env.state, shard).getRange({ start, ...this.#options });
        start = walk.take(readablePages(rows));
        if (walk.isOver) return walk.decided;
      }
    }
    return null;
  }

  info(version: bigint): TransactionInfo | null {
    const value = this.#get(this.#env.infos, u64(version));
    if (value === null) return null;
    return parsed(`The info of version ${version}`, () => decodeTransactionInfo(value));
  }

  transaction(version: bigint): Buffer | null {
    return this.#get(this.#env.transactions, u64(version));
  }

  logNode(level: number, index: bigint): Buffer {
    const value = this.#get(this.#env.log, logKey(level, index));
    if (value === null) throw corrupt(`The log node ${level}/${index} is missing`);
    return value;
  }

  journal(
    shard: number,
    after: bigint,
    to: bigint,
    start: Buffer,
    end: Buffer | null,
    visit: JournalVisit,
  ): void {
    const entries = this.#shard(this.#env.journal, shard).getRange({
      start: u64(after + 1n),
      end: journalKey(to, LAST_KEY_HASH),
      inclusiveEnd: true,
      ...this.#options,
    });
    for (const { key, value } of readablePages(entries)) {
      const keyHash = key.subarray(8);
      if (keyHash.compare(start) < 0 || (end !== null && keyHash.compare(end) >= 0)) continue;
      if (!visit(keyHash, value.length === 0 ? null : value, key.readBigUInt64BE(0))) return;
    }
  }

  /** The memory of a node's key; good until the next one, since LMDB reads it at once. */
  #nodeKeyOf(nibbles: number): Buffer {
    let key = this.#nodeKeys[nibbles];
    if (key === undefined) {
      key = Buffer.alloc(nodeKeyBytes(nibbles));
      this.#nodeKeys[nibbles] = key;
    }
    return key;
  }

  #get(database: Bytes, key: Buffer): Buffer | null {
    const shared = this.#shared(database, key);
    if (shared === undefined) return null;
    // Copied at once, since the next read is written over it; into Node's pool, since lmdb's own
    // copies each have an ArrayBuffer, which makes and collects slower than it is filled.
    const value = Buffer.allocUnsafe(shared.length);
    value.set(shared.subarray(0, shared.length));
    return value;
  }

  #shared(database: Bytes, key: Buffer): Buffer | undefined {
    try {
      return (database as unknown as FastReads).getBinaryFast(key, this.#options);
    } catch (error) {
      throw pageDamage(error);
    }
  }

  #keys(database: Bytes, start: Buffer, reverse: boolean): Iterable<Buffer> {
    return readablePages(database.getKeys({ start, reverse, limit: 1, ...this.#options }));
  }

  #shard(databases: readonly Bytes[], shard: number): Bytes {
    const database = databases[shard];
    if (database === undefined) throw new RangeError(`there is no shard ${shard}`);
    return database;
  }
}

type ReadOptions = { readonly transaction?: Transaction };

/** The declaration of lmdb leaves the options out. */
interface FastReads {
  /** A buffer that all reads share; only its first `length` bytes are to be touched. */
  getBinaryFast(key: Buffer, options: object): Buffer | undefined;
}

function nodeMissing(path: string, version: bigint): HoldfastError {
  return corrupt(`The tree node ${path} of version ${version} is missing`);
}

function first<T>(values: Iterable<T>): T | null {
  for (const value of values) return value;
  return null;
}

function parsed<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw corrupt(`${what} cannot be parsed`, cause);
  }
}

function corrupt(what: string, cause?: unknown): HoldfastError {
  return new HoldfastError("ROW_CORRUPT", `${what}. Run fsck.`, { cause });
}
