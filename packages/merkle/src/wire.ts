import { proofInvalid } from "./proof-invalid.js";
import { VarintReader, varintBytes, writeVarint } from "./varint.js";

/** A stretch of the bytes read. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Reads protobuf fields whose order, tags and lengths are fixed, so that only the canonical
 * encoding passes. All tags are single bytes.
 */
export class WireReader {
  readonly bytes: Buffer;
  at: number;
  readonly end: number;
  readonly #varint: VarintReader;

  constructor(bytes: Buffer, span: Span = { start: 0, end: bytes.length }) {
    this.bytes = bytes;
    this.at = span.start;
    this.end = span.end;
    this.#varint = new VarintReader(bytes);
  }

  /** The tag that comes next; -1 at the end. */
  get tag(): number {
    return this.at < this.end ? (this.bytes[this.at] ?? -1) : -1;
  }

  /** Reads a length-delimited field. */
  field(tag: number): Span {
    this.#expect(tag);
    const length = this.#varint.read(this.at + 1, this.end);
    const start = this.#varint.at;
    if (length > this.end - start) throw this.malformed("a field is cut off");
    this.at = start + length;
    return { start, end: this.at };
  }

  /** Reads a field of exactly `length` bytes, as a view. */
  fixed(tag: number, length: number): Buffer {
    const { start, end } = this.field(tag);
    if (end - start !== length) throw this.malformed(`a field is not ${length} bytes long`);
    return this.bytes.subarray(start, end);
  }

  /** Reads a boolean field, which is only written when true. */
  flag(tag: number): void {
    this.#expect(tag);
    if (this.at + 1 >= this.end || this.bytes[this.at + 1] !== 1) {
      throw this.malformed("a flag is not true");
    }
    this.at += 2;
  }

  /** Checks that all was read. */
  done(): void {
    if (this.at !== this.end) throw this.malformed("a field is unknown, repeated or out of order");
  }

  malformed(what: string): Error {
    return proofInvalid(`Byte ${this.at}: ${what}.`, { byte: `${this.at}` });
  }

  #expect(tag: number): void {
    if (this.tag !== tag) throw this.malformed(`tag 0x${tag.toString(16)} is expected`);
  }
}

/** Appends protobuf fields with single-byte tags. */
export class WireWriter {
  readonly #parts: Buffer[] = [];

  /** Appends a length-delimited field. */
  field(tag: number, ...contents: readonly Buffer[]): this {
    const length = contents.reduce((sum, content) => sum + content.length, 0);
    this.#parts.push(fieldHead(tag, length), ...contents);
    return this;
  }

  /** Appends bytes that are fields already. */
  raw(fields: Buffer): this {
    this.#parts.push(fields);
    return this;
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Tag and length of a length-delimited field. */
function fieldHead(tag: number, length: number): Buffer {
  const head = Buffer.allocUnsafe(1 + varintBytes(length));
  head[0] = tag;
  writeVarint(head, 1, length);
  return head;
}
