import type { History } from "../state/state-reader.js";

/*
 * The databases of a generation. Keys and values are bytes, numbers big-endian, so that byte order
 * is number order. x is a shard, 0..f, the first nibble of the key hash.
 *
 *   meta             text -> value (META below)
 *   state.x          key hash 32, ~version 8 -> encoded StateItem; empty = deleted
 *   nodes.x          version 8, depth 1, nibbles packed -> PhysicalNode; the root is in checkpoints
 *   journal.x        version 8, key hash 32 -> value hash before the write; empty = was absent
 *   stale.x          version 8 -> what this checkpoint replaced (stale-list.ts)
 *   checkpoints      version 8 -> checkpoint-codec.ts
 *   infos            version 8 -> transaction info layout
 *   log              level 1, index 8 -> hash of a complete subtree
 *   transactions     version 8 -> encoded storage.Transaction
 *   requests         request id -> request-codec.ts
 *   request_order    version 8 -> request id
 *   restore.tiles    path -> plan row; only in a generation that is being built
 */

/** The format of a generation; a newer one is refused. */
export const GENERATION_FORMAT = 1;
/** Number of shards. */
export const SHARDS = 16;
/** Largest number that keys hold. */
const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** Keys of database `meta`. */
export const META: {
  readonly format: Buffer;
  readonly ledgerId: Buffer;
  readonly committed: Buffer;
  readonly timeUs: Buffer;
  readonly histories: Buffer;
  readonly oldestState: Buffer;
  readonly oldestTransaction: Buffer;
  readonly oldestJournal: Buffer;
  readonly prunedState: Buffer;
  readonly owner: Buffer;
  readonly restorePlan: Buffer;
} = {
  /** u32. */
  format: Buffer.from("format"),
  /** 16 bytes. */
  ledgerId: Buffer.from("ledger_id"),
  /** u64: the newest version. */
  committed: Buffer.from("committed"),
  /** u64: its commit time, microseconds. */
  timeUs: Buffer.from("time_us"),
  /** `encodeHistories`. */
  histories: Buffer.from("histories"),
  /** u64. */
  oldestState: Buffer.from("oldest_state"),
  /** u64. */
  oldestTransaction: Buffer.from("oldest_transaction"),
  /** u64. */
  oldestJournal: Buffer.from("oldest_journal"),
  /** u64: the oldest state that the last finished pruning left behind. */
  prunedState: Buffer.from("pruned_state"),
  /** u64: fencing token of the session that builds this generation. */
  owner: Buffer.from("owner"),
  /** The plan of the restore that builds this generation. */
  restorePlan: Buffer.from("restore_plan"),
};

/** The shard of a key hash. */
export function shardOf(keyHash: Uint8Array): number {
  return (keyHash[0] ?? 0) >> 4;
}

/** u64, big-endian. */
export function u64(value: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** Length of a key of `state.x`. */
export const STATE_KEY_BYTES = 40;

/** Key of `state.x`: newer rows of a key come first. */
export function stateKey(keyHash: Uint8Array, version: bigint): Buffer {
  const key = Buffer.allocUnsafe(STATE_KEY_BYTES);
  key.set(keyHash, 0);
  key.writeBigUInt64BE(U64_MAX - version, 32);
  return key;
}

/** The version in a key of `state.x`. */
export function stateKeyVersion(key: Buffer): bigint {
  return U64_MAX - key.readBigUInt64BE(32);
}

/** Key of `journal.x`. */
export function journalKey(version: bigint, keyHash: Uint8Array): Buffer {
  const key = Buffer.allocUnsafe(40);
  key.writeBigUInt64BE(version, 0);
  key.set(keyHash, 8);
  return key;
}

/** Key of `nodes.x` for a path of one nibble or more. */
export function nodeKey(version: bigint, path: string): Buffer {
  const packed = (path.length + 1) >> 1;
  const key = Buffer.allocUnsafe(9 + packed);
  key.writeBigUInt64BE(version, 0);
  key[8] = path.length;
  key.write(path.length % 2 === 0 ? path : `${path}0`, 9, "hex");
  return key;
}

/** Key of `log`. */
export function logKey(level: number, index: bigint): Buffer {
  const key = Buffer.allocUnsafe(9);
  key[0] = level;
  key.writeBigUInt64BE(index, 1);
  return key;
}

/** Value of meta `histories`: each id 16, flag u8, fork version u64. */
export function encodeHistories(histories: readonly History[]): Buffer {
  return Buffer.concat(
    histories.map(({ historyId, forkVersion }) =>
      Buffer.concat([
        historyId,
        Buffer.from([forkVersion === null ? 0 : 1]),
        u64(forkVersion ?? 0n),
      ]),
    ),
  );
}

/** The histories in a value of meta `histories`. */
export function decodeHistories(bytes: Buffer): History[] {
  const histories: History[] = [];
  for (let at = 0; at + 25 <= bytes.length; at += 25) {
    histories.push({
      historyId: Buffer.from(bytes.subarray(at, at + 16)),
      forkVersion: bytes[at + 16] === 1 ? bytes.readBigUInt64BE(at + 17) : null,
    });
  }
  return histories;
}
