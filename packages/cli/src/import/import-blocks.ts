import { createHash } from "node:crypto";
import { storage } from "@holdfast/api";
import { limits } from "@holdfast/core";
import { badLine } from "./bad-line.js";
import { type LineWrite, parseImportLine } from "./import-line.js";
import { type InputLine, inputLines } from "./input-lines.js";

/** How lines become blocks. */
export interface BlockShape {
  /** Lines of a block, unless it is cut earlier at 2 MiB or at 100,000 writes. */
  readonly linesPerBlock: number;
  /** Lines of a transaction. */
  readonly linesPerTransaction: number;
}

/** A block, ready to be committed. */
export interface ImportBlock {
  /** Numbers of its first and last line, counted from 1. */
  readonly firstLine: number;
  readonly lastLine: number;
  readonly transactions: readonly storage.Transaction[];
  readonly requestId: string;
}

/** A block is cut before its transactions are larger than this together, bytes. */
const IMPORT_BLOCK_BYTES = 2 * 2 ** 20;
/** Head room of a transaction in its block: a tag and a length. */
const TRANSACTION_OVERHEAD_BYTES = 6;
/** Digits of the digest in a request id, which has 64 bytes at most. */
const DIGEST_DIGITS = 40;
const EMPTY = Buffer.alloc(0);

/**
 * Cuts an NDJSON input into blocks, each complete and checked before it is given.
 *
 * The request id of a block is made of the index of its first line and the digest of the input up
 * to its end, so that a rerun asks for the same blocks by the same ids, and another input that
 * begins alike shares ids only as far as it is alike.
 * @throws INVALID_REQUEST that names the first bad line.
 */
export async function* importBlocks(
  input: AsyncIterable<Buffer> | Iterable<Buffer>,
  shape: BlockShape,
): AsyncGenerator<ImportBlock, void, undefined> {
  const digest = createHash("sha256");
  let lines: InputLine[] = [];
  let waiting: Built[] = [];
  let waitingBytes = 0;
  const linesMax = Math.min(shape.linesPerBlock, limits.BLOCK_WRITES_MAX);
  const cut = (): ImportBlock => {
    const first = waiting[0]?.firstLine ?? 0;
    const last = waiting.at(-1)?.lastLine ?? 0;
    for (const { source } of waiting) for (const line of source) digest.update(line).update("\n");
    const id = digest.copy().digest("hex").slice(0, DIGEST_DIGITS);
    const block = {
      firstLine: first,
      lastLine: last,
      transactions: waiting.map(({ transaction }) => transaction),
      requestId: `import/${first - 1}/${id}`,
    };
    waiting = [];
    waitingBytes = 0;
    return block;
  };
  const blockLines = (): number =>
    waiting.length === 0 ? 0 : (waiting.at(-1)?.lastLine ?? 0) - (waiting[0]?.firstLine ?? 0) + 1;
  for await (const line of inputLines(input)) {
    lines.push(line);
    if (lines.length < shape.linesPerTransaction) continue;
    const built = build(lines);
    lines = [];
    if (waiting.length > 0 && waitingBytes + built.bytes > IMPORT_BLOCK_BYTES) yield cut();
    waiting.push(built);
    waitingBytes += built.bytes;
    if (
      blockLines() + shape.linesPerTransaction > linesMax ||
      waiting.length === limits.BLOCK_TRANSACTIONS_MAX
    ) {
      yield cut();
    }
  }
  if (lines.length > 0) {
    const built = build(lines);
    if (waiting.length > 0 && waitingBytes + built.bytes > IMPORT_BLOCK_BYTES) yield cut();
    waiting.push(built);
  }
  if (waiting.length > 0) yield cut();
}

interface Built {
  readonly firstLine: number;
  readonly lastLine: number;
  readonly source: readonly Buffer[];
  readonly transaction: storage.Transaction;
  /** Encoded in its block. */
  readonly bytes: number;
}

function build(lines: readonly InputLine[]): Built {
  const keys = new Map<string, number>();
  const writeSet = lines.map((line): storage.WriteOp => {
    const write = parseImportLine(line);
    const name = write.key.toString("latin1");
    const other = lines.length > 1 ? keys.get(name) : undefined;
    if (other !== undefined) {
      throw badLine(line.number, `line ${other} of the same transaction has its key too`);
    }
    keys.set(name, line.number);
    return operation(write);
  });
  const transaction: storage.Transaction = { payload: EMPTY, writeSet, events: [] };
  const firstLine = lines[0]?.number ?? 0;
  const lastLine = lines.at(-1)?.number ?? 0;
  const encodedBytes = storage.Transaction.encode(transaction).finish().length;
  if (encodedBytes > limits.TRANSACTION_BYTES_MAX) {
    const bound = limits.TRANSACTION_BYTES_MAX;
    throw badLine(lastLine, `the transaction has ${encodedBytes} bytes with it, above ${bound}`);
  }
  return {
    firstLine,
    lastLine,
    source: lines.map(({ bytes }) => bytes),
    transaction,
    bytes: encodedBytes + TRANSACTION_OVERHEAD_BYTES,
  };
}

function operation({ key, value }: LineWrite): storage.WriteOp {
  return value === null
    ? { op: { $case: "delete", value: key } }
    : { op: { $case: "put", value: { key, value } } };
}
