import { BinaryReader } from "@bufbuild/protobuf/wire";
import { HoldfastError } from "@holdfast/core";
import { sha256, type WriteOp } from "@holdfast/merkle";
import type { Block, BlockTransaction } from "../ledger/block.js";

/** Tags as they are on the wire: field number, and type 0 (varint) or 2 (bytes). */
const TRANSACTIONS = 0x0a;
const EXPECTED_FIRST_VERSION = 0x10;
const REQUEST_ID = 0x1a;
const PAYLOAD = 0x0a;
const WRITE_SET = 0x12;
const EVENTS = 0x1a;
const PUT = 0x0a;
const DELETE = 0x12;
const KEY = 0x0a;
const VALUE = 0x12;

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Reads a CommitBlockRequest without copying: all buffers are views of `bytes`. The generated
 * decoder copies each field, and ends silently at a zero tag, which would drop what follows.
 * @throws INVALID_REQUEST when the bytes are not such a request.
 */
export function parseBlock(bytes: Buffer): Block {
  const parser = new BlockParser(bytes);
  try {
    return parser.block();
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    throw new HoldfastError("INVALID_REQUEST", "The request is not a CommitBlockRequest.", {
      cause,
    });
  }
}

/**
 * Reads an encoded Transaction; buffers are views.
 * @throws INVALID_REQUEST or RangeError when the bytes are none.
 */
export function parseTransaction(bytes: Buffer): BlockTransaction {
  return new BlockParser(bytes).transaction(bytes.length);
}

class BlockParser {
  readonly #bytes: Buffer;
  readonly #reader: BinaryReader;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#reader = new BinaryReader(bytes);
  }

  block(): Block {
    const transactions: BlockTransaction[] = [];
    let expectedFirstVersion: bigint | null = null;
    let requestId = "";
    this.#fields(this.#bytes.length, (tag) => {
      if (tag === TRANSACTIONS) transactions.push(this.transaction(this.#reader.uint32()));
      else if (tag === EXPECTED_FIRST_VERSION) {
        expectedFirstVersion = BigInt(this.#reader.uint64());
      } else if (tag === REQUEST_ID) requestId = this.#reader.string();
      else return false;
      return true;
    });
    const bodyHash = requestId === "" ? NOTHING : sha256(this.#bytes);
    const bytes = this.#bytes.length;
    return { transactions, expectedFirstVersion, requestId, bodyHash, bytes };
  }

  /** Reads the next `length` bytes as a Transaction. */
  transaction(length: number): BlockTransaction {
    let payload = NOTHING;
    const writeSet: WriteOp[] = [];
    const events: Buffer[] = [];
    const start = this.#reader.pos;
    this.#fields(start + length, (tag) => {
      if (tag === PAYLOAD) payload = this.#view();
      else if (tag === WRITE_SET) writeSet.push(this.#writeOp());
      else if (tag === EVENTS) events.push(this.#view());
      else return false;
      return true;
    });
    const encoded = this.#bytes.subarray(start, start + length);
    return { encoded, payload, writeSet, events };
  }

  #writeOp(): WriteOp {
    let op: WriteOp | null = null;
    const length = this.#reader.uint32();
    this.#fields(this.#reader.pos + length, (tag) => {
      if (tag === PUT) op = this.#put();
      else if (tag === DELETE) op = { kind: "delete", key: this.#view() };
      else return false;
      return true;
    });
    if (op === null)
      throw new HoldfastError("INVALID_REQUEST", "A write has neither put nor delete.");
    return op;
  }

  #put(): WriteOp {
    let key = NOTHING;
    let value = NOTHING;
    const length = this.#reader.uint32();
    this.#fields(this.#reader.pos + length, (tag) => {
      if (tag === KEY) key = this.#view();
      else if (tag === VALUE) value = this.#view();
      else return false;
      return true;
    });
    return { kind: "put", key, value };
  }

  /** Calls `take` for each field up to `end`; fields that it does not know are skipped. */
  #fields(end: number, take: (tag: number) => boolean): void {
    const reader = this.#reader;
    while (reader.pos < end) {
      const tag = reader.uint32();
      if (tag >>> 3 === 0) throw new RangeError("a tag of field 0");
      if (!take(tag)) reader.skip(tag & 7, tag >>> 3);
    }
    if (reader.pos !== end) throw new RangeError("a field goes beyond its message");
  }

  #view(): Buffer {
    const length = this.#reader.uint32();
    const start = this.#reader.pos;
    if (start + length > this.#bytes.length) throw new RangeError("a field is cut off");
    this.#reader.pos = start + length;
    return this.#bytes.subarray(start, start + length);
  }
}
