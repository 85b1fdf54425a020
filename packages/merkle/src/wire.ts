import { copyHash, HASH_BYTES } from "./hash.js";
import { proofInvalid } from "./proof-invalid.js";
import { VARINT_BYTES_MAX, VarintReader, varintBytes, writeVarint } from "./varint.js";

/**
 * Reads protobuf fields whose order, tags and lengths are fixed, so that only the canonical
 * encoding passes. All tags are single bytes. Positions are fields, so that a step makes no garbage.
 */
export class WireReader {
  readonly bytes: Buffer;
  at = 0;
  /** Behind what is read: the message, or the field that was entered last. */
  end = 0;
  readonly #varint: VarintReader;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.#varint = new VarintReader(bytes);
    this.begin(0, bytes.length);
  }

  /** Begins with the message from `start` to `end`. */
  begin(start: number, end: number): void {
    this.at = start;
    this.end = end;
  }

  /** The tag that comes next; -1 at the end. */
  nextTag(): number {
    return this.at < this.end ? (this.bytes[this.at] ?? -1) : -1;
  }

  /** Goes into a length-delimited field; answers what `leave` needs. */
  enter(tag: number): number {
    this.#expect(tag);
    const length = this.#varint.read(this.at + 1, this.end);
    const start = this.#varint.at;
    if (length > this.end - start) throw this.malformed("a field is cut off");
    const outerEnd = this.end;
    this.begin(start, start + length);
    return outerEnd;
  }

  /** Leaves the field that was entered last, which must have been read to its end. */
  leave(outerEnd: number): void {
    this.done();
    this.end = outerEnd;
  }

  /** Reads a field of exactly `length` bytes; answers where they begin. */
  fixedAt(tag: number, length: number): number {
    const outerEnd = this.enter(tag);
    const start = this.at;
    if (this.end - start !== length) throw this.malformed(`a field is not ${length} bytes long`);
    this.begin(this.end, outerEnd);
    return start;
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
    if (this.nextTag() !== tag) throw this.malformed(`tag 0x${tag.toString(16)} is expected`);
  }
}

/** So few bytes are copied faster in a loop than by a call. */
const SHORT_BYTES = 64;
/** Room that a writer begins with, bytes. */
const WRITER_BYTES = 1_024;

/** Appends protobuf fields with single-byte tags. */
export class WireWriter {
  #bytes: Buffer = Buffer.allocUnsafeSlow(WRITER_BYTES);
  #at = 0;

  /** Appends a length-delimited field. */
  field(tag: number, ...contents: readonly Buffer[]): this {
    let length = 0;
    for (const content of contents) length += content.length;
    this.head(tag, length);
    for (const content of contents) this.raw(content);
    return this;
  }

  /** Appends tag and length of a length-delimited field whose content follows. */
  head(tag: number, length: number): this {
    this.#reserve(1 + VARINT_BYTES_MAX);
    this.#bytes[this.#at] = tag;
    this.#at = writeVarint(this.#bytes, this.#at + 1, length);
    return this;
  }

  /** Appends bytes that are fields already, or the content of one. */
  raw(bytes: Buffer): this {
    const { length } = bytes;
    this.#reserve(length);
    const target = this.#bytes;
    const at = this.#at;
    if (length > SHORT_BYTES) target.set(bytes, at);
    else for (let index = 0; index < length; index++) target[at + index] = bytes[index] ?? 0;
    this.#at = at + length;
    return this;
  }

  /** Appends the hash that lies at `start`. */
  hash(bytes: Buffer, start: number): this {
    this.#reserve(HASH_BYTES);
    copyHash(this.#bytes, this.#at, bytes, start);
    this.#at += HASH_BYTES;
    return this;
  }

  /** All that was appended: a view, for as long as the writer is not cleared. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Begins again in the same memory. */
  clear(): void {
    this.#at = 0;
  }

  #reserve(length: number): void {
    if (this.#at + length <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, this.#at + length));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }
}

/** Encoded length of a length-delimited field. */
export function fieldBytes(length: number): number {
  return 1 + varintBytes(length) + length;
}
