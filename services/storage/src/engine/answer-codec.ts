import type { CommitAnswer } from "../ledger/block.js";

/** Length of an encoded answer, bytes. */
export const ANSWER_BYTES = 121;

/**
 * Layout of a commit's answer: first version u64, committed version u64, time u64, state root 32,
 * log root 32, ledger id 16, history id 16, repeated u8.
 */
export function encodeAnswer(answer: CommitAnswer): Buffer {
  // Not out of the pool: it is handed to another thread, and a pool would go with it.
  const bytes = Buffer.allocUnsafeSlow(ANSWER_BYTES);
  bytes.writeBigUInt64BE(answer.firstVersion, 0);
  bytes.writeBigUInt64BE(answer.committedVersion, 8);
  bytes.writeBigUInt64BE(answer.commitTimeUs, 16);
  bytes.set(answer.stateRoot, 24);
  bytes.set(answer.logRoot, 56);
  bytes.set(answer.ledgerId, 88);
  bytes.set(answer.historyId, 104);
  bytes[120] = answer.repeatedRequest ? 1 : 0;
  return bytes;
}

/** The answer in such a layout; its hashes are views. */
export function decodeAnswer(from: Uint8Array): CommitAnswer {
  const bytes = Buffer.from(from.buffer, from.byteOffset, from.byteLength);
  return {
    firstVersion: bytes.readBigUInt64BE(0),
    committedVersion: bytes.readBigUInt64BE(8),
    commitTimeUs: bytes.readBigUInt64BE(16),
    stateRoot: bytes.subarray(24, 56),
    logRoot: bytes.subarray(56, 88),
    ledgerId: bytes.subarray(88, 104),
    historyId: bytes.subarray(104, 120),
    repeatedRequest: bytes[120] === 1,
  };
}
