import { invalidField, limits } from "@holdfast/core";
import type { WriteOp } from "@holdfast/merkle";

/** One entry of the ledger, as it came. */
export interface BlockTransaction {
  /** Its own encoding, as it is kept. */
  readonly encoded: Buffer;
  readonly payload: Buffer;
  readonly writeSet: readonly WriteOp[];
  readonly events: readonly Buffer[];
}

/** What a caller wants committed together. */
export interface Block {
  readonly transactions: readonly BlockTransaction[];
  /** The version the first transaction must get; null: any. */
  readonly expectedFirstVersion: bigint | null;
  /** Empty: no protection against a repeat. */
  readonly requestId: string;
  /** SHA-256 of the encoded request: the same id with another body is refused. */
  readonly bodyHash: Buffer;
  /** Encoded length of the request. */
  readonly bytes: number;
}

/** What a committed block got. */
export interface CommitAnswer {
  readonly firstVersion: bigint;
  /** Version of the last transaction, a checkpoint. */
  readonly committedVersion: bigint;
  readonly stateRoot: Buffer;
  readonly logRoot: Buffer;
  /** Microseconds. */
  readonly commitTimeUs: bigint;
  readonly ledgerId: Buffer;
  readonly historyId: Buffer;
  /** True for the stored answer of an earlier call with the same request id. */
  readonly repeatedRequest: boolean;
}

/** @throws INVALID_REQUEST that names the field which is beyond its limit. */
export function checkBlock(block: Block): void {
  const { transactions, requestId, bytes } = block;
  if (bytes > limits.BLOCK_BYTES_MAX) {
    throw invalidField("transactions", `a block has at most ${limits.BLOCK_BYTES_MAX} bytes`);
  }
  if (Buffer.byteLength(requestId) > limits.REQUEST_ID_BYTES_MAX) {
    throw invalidField("request_id", `at most ${limits.REQUEST_ID_BYTES_MAX} bytes`);
  }
  if (transactions.length === 0 || transactions.length > limits.BLOCK_TRANSACTIONS_MAX) {
    throw invalidField(
      "transactions",
      `a block has 1 to ${limits.BLOCK_TRANSACTIONS_MAX} transactions`,
    );
  }
  const writes = transactions.reduce((sum, { writeSet }) => sum + writeSet.length, 0);
  if (writes > limits.BLOCK_WRITES_MAX) {
    throw invalidField("transactions", `a block has at most ${limits.BLOCK_WRITES_MAX} writes`);
  }
  const events = transactions.reduce((sum, transaction) => sum + transaction.events.length, 0);
  if (events > limits.BLOCK_EVENTS_MAX) {
    throw invalidField("transactions", `a block has at most ${limits.BLOCK_EVENTS_MAX} events`);
  }
  for (const [index, transaction] of transactions.entries()) {
    checkTransaction(`transactions[${index}]`, transaction);
  }
}

function checkTransaction(field: string, transaction: BlockTransaction): void {
  if (transaction.encoded.length > limits.TRANSACTION_BYTES_MAX) {
    throw invalidField(field, `a transaction has at most ${limits.TRANSACTION_BYTES_MAX} bytes`);
  }
  const { writeSet } = transaction;
  for (let index = 0; index < writeSet.length; index++) {
    const op = writeSet[index];
    if (op === undefined) continue;
    if (op.key.length === 0 || op.key.length > limits.KEY_BYTES_MAX) {
      throw invalidField(
        `${field}.write_set[${index}].key`,
        `a key has 1 to ${limits.KEY_BYTES_MAX} bytes`,
      );
    }
    if (op.kind === "put" && op.value.length > limits.VALUE_BYTES_MAX) {
      throw invalidField(
        `${field}.write_set[${index}].value`,
        `a value has at most ${limits.VALUE_BYTES_MAX} bytes`,
      );
    }
  }
}
