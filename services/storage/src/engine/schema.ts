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

/** The shard of a path of one nibble or more. */
export function shardOfPath(path: string): number {
  return nibbleOf(path.charCodeAt(0));
}

/** u64, big-endian. */
export function u64(value: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** Length of a key of `state.x`, and of `journal.x`. */
export const STATE_KEY_BYTES = 40;
export const JOURNAL_KEY_BYTES = 40;

/** Key of `state.x`: newer rows of a key come first. */
export function stateKey(keyHash: Uint8Array, version: bigint): Buffer {
  const key = Buffer.allocUnsafe(STATE_KEY_BYTES);
  writeStateKey(key, 0, keyHash, version);
  return key;
}

/** The same, written at `at`. */
export function writeStateKey(
  target: Buffer,
  at: number,
  keyHash: Uint8Array,
  version: bigint,
): void {
  target.set(keyHash, at);
  writeU64(target, at + HASH_BYTES, version, INVERTED);
}

/** The version in a key of `state.x`. */
export function stateKeyVersion(key: Buffer): bigint {
  return U64_MAX - key.readBigUInt64BE(32);
}

/** Key of `journal.x`. */
export function journalKey(version: bigint, keyHash: Uint8Array): Buffer {
  const key = Buffer.allocUnsafe(JOURNAL_KEY_BYTES);
  writeJournalKey(key, 0, version, keyHash);
  return key;
}

/** The same, written at `at`. */
export function writeJournalKey(
  target: Buffer,
  at: number,
  version: bigint,
  keyHash: Uint8Array,
): void {
  writeU64(target, at, version, PLAIN);
  target.set(keyHash, at + VERSION_BYTES);
}

/** Key of `nodes.x` for a path of one nibble or more. */
export function nodeKey(version: bigint, path: string): Buffer {
  const key = Buffer.allocUnsafe(nodeKeyBytes(path.length));
  writeNodeKey(key, 0, version, path);
  return key;
}

/** Length of the key of `nodes.x` for a path of so many nibbles. */
export function nodeKeyBytes(nibbles: number): number {
  return VERSION_BYTES + 1 + ((nibbles + 1) >> 1);
}

/** The key for the first `nibbles` of a key hash, written at the begin of `target`. */
export function writeNodeKeyAt(
  target: Buffer,
  version: bigint,
  keyHash: Buffer,
  nibbles: number,
): void {
  writeU64(target, 0, version, PLAIN);
  target[VERSION_BYTES] = nibbles;
  const packed = VERSION_BYTES + 1;
  const bytes = (nibbles + 1) >> 1;
  for (let index = 0; index < bytes; index++) target[packed + index] = keyHash[index] ?? 0;
  // Behind the end stands a zero nibble.
  if ((nibbles & 1) === 1) target[packed + bytes - 1] = (keyHash[bytes - 1] ?? 0) & 0xf0;
}

/** The same as `nodeKey`, written at `at`. */
export function writeNodeKey(target: Buffer, at: number, version: bigint, path: string): void {
  writeU64(target, at, version, PLAIN);
  target[at + VERSION_BYTES] = path.length;
  const packed = at + VERSION_BYTES + 1;
  for (let index = 0; index < path.length; index += 2) {
    // Behind the end stands a zero nibble.
    const low = index + 1 < path.length ? nibbleOf(path.charCodeAt(index + 1)) : 0;
    target[packed + (index >> 1)] = (nibbleOf(path.charCodeAt(index)) << 4) | low;
  }
}

const HASH_BYTES = 32;
const VERSION_BYTES = 8;
const PLAIN = 0;
const INVERTED = 0xffff_ffff;
const WORD = 0x1_0000_0000;
const CODE_0 = 0x30;
const CODE_9 = 0x39;
/** Code of "a" less ten. */
const CODE_A_LESS_10 = 0x57;

/** Value of a lower-case hex digit. */
function nibbleOf(code: number): number {
  return code <= CODE_9 ? code - CODE_0 : code - CODE_A_LESS_10;
}

/** A version (below 2^53) as u64, big-endian, each half XOR `flip`. */
function writeU64(target: Buffer, at: number, version: bigint, flip: number): void {
  const number = Number(version);
  writeU32(target, at, Math.floor(number / WORD) ^ flip);
  writeU32(target, at + 4, (number % WORD) ^ flip);
}

function writeU32(target: Buffer, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
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
