import { strict as assert } from "node:assert";
import { limits } from "@holdfast/core";
import { HASH_BYTES } from "./hash.js";
import { completeSubtrees, LogFrontier } from "./log-frontier.js";
import { logInnerHash, logLeafHash } from "./log-hash.js";
import { proofInvalid } from "./proof-invalid.js";

/** What the log commits to for one transaction. */
export interface TransactionInfo {
  readonly version: bigint;
  /** Microseconds since 1970-01-01 UTC. */
  readonly commitTimeUs: bigint;
  /** SHA-256 of the payload, 32 bytes. */
  readonly payloadHash: Buffer;
  /** `writeSetHash` of the write set, 32 bytes. */
  readonly writeSetHash: Buffer;
  /** `eventRoot` of the events, 32 bytes. */
  readonly eventRoot: Buffer;
  /** State root after this version, 32 bytes; null unless the version is a checkpoint. */
  readonly stateRoot: Buffer | null;
}

/** First byte of the layout: its format. */
const FORMAT = 1;
// Offsets of the layout in docs/hashing.md.
const VERSION_AT = 1;
const TIME_AT = 9;
const PAYLOAD_AT = 17;
const WRITE_SET_AT: number = PAYLOAD_AT + HASH_BYTES;
const EVENTS_AT: number = WRITE_SET_AT + HASH_BYTES;
const FLAG_AT: number = EVENTS_AT + HASH_BYTES;
const STATE_ROOT_AT: number = FLAG_AT + 1;

/** The fixed layout of an info, 114 bytes, or 146 at a checkpoint: the input of its log leaf. */
export function encodeTransactionInfo(info: TransactionInfo): Buffer {
  const { stateRoot } = info;
  const bytes = Buffer.alloc(STATE_ROOT_AT + (stateRoot === null ? 0 : HASH_BYTES));
  bytes[0] = FORMAT;
  bytes.writeBigUInt64BE(info.version, VERSION_AT);
  bytes.writeBigUInt64BE(info.commitTimeUs, TIME_AT);
  setHash(bytes, info.payloadHash, PAYLOAD_AT);
  setHash(bytes, info.writeSetHash, WRITE_SET_AT);
  setHash(bytes, info.eventRoot, EVENTS_AT);
  bytes[FLAG_AT] = stateRoot === null ? 0 : 1;
  if (stateRoot !== null) setHash(bytes, stateRoot, STATE_ROOT_AT);
  return bytes;
}

/**
 * The info in a fixed layout; its hashes are private copies.
 * @throws PROOF_INVALID unless encoding it again gives the same bytes.
 */
export function decodeTransactionInfo(bytes: Buffer): TransactionInfo {
  const flag = bytes[FLAG_AT];
  const expected = flag === 1 ? STATE_ROOT_AT + HASH_BYTES : STATE_ROOT_AT;
  if (bytes[0] !== FORMAT || (flag !== 0 && flag !== 1) || bytes.length !== expected) {
    throw proofInvalid("The bytes are not a transaction info of format 1.");
  }
  const hashAt = (at: number): Buffer => Buffer.from(bytes.subarray(at, at + HASH_BYTES));
  return {
    version: bytes.readBigUInt64BE(VERSION_AT),
    commitTimeUs: bytes.readBigUInt64BE(TIME_AT),
    payloadHash: hashAt(PAYLOAD_AT),
    writeSetHash: hashAt(WRITE_SET_AT),
    eventRoot: hashAt(EVENTS_AT),
    stateRoot: flag === 1 ? hashAt(STATE_ROOT_AT) : null,
  };
}

/**
 * The log root that a proof of a state root leads to: the info at V as the last leaf of the log
 * of V + 1 leaves. `logSiblings` is its audit path, the deepest first.
 * @throws PROOF_INVALID unless the info is a checkpoint's and the path has the right length.
 */
export function stateRootProofLogRoot(
  info: TransactionInfo,
  logSiblings: readonly Buffer[],
): Buffer {
  checkRootProof(info, logSiblings);
  const leaf = logLeafHash(encodeTransactionInfo(info));
  return logSiblings.reduce((right, left) => logInnerHash(left, right), leaf);
}

/**
 * The frontier of the log of V + 1 leaves from the same proof: the siblings of the last leaf are
 * the complete subtrees of the log of V leaves, right to left.
 * @throws PROOF_INVALID as `stateRootProofLogRoot`.
 */
export function frontierOfStateRootProof(
  info: TransactionInfo,
  logSiblings: readonly Buffer[],
): LogFrontier {
  checkRootProof(info, logSiblings);
  const frontier = LogFrontier.of(info.version, logSiblings.toReversed());
  frontier.append(logLeafHash(encodeTransactionInfo(info)));
  return frontier;
}

function checkRootProof(info: TransactionInfo, logSiblings: readonly Buffer[]): void {
  const metadata = { version: `${info.version}` };
  if (info.stateRoot === null) {
    throw proofInvalid(`Version ${info.version} is not a checkpoint.`, metadata);
  }
  if (info.version < 0n || info.version > limits.VERSION_MAX) {
    throw proofInvalid("The version is out of range.", metadata);
  }
  if (
    logSiblings.length !== completeSubtrees(info.version) ||
    logSiblings.some((sibling) => sibling.length !== HASH_BYTES)
  ) {
    throw proofInvalid("The log siblings are not those of the last leaf.", metadata);
  }
}

function setHash(into: Buffer, hash: Buffer, at: number): void {
  assert.equal(hash.length, HASH_BYTES);
  into.set(hash, at);
}
