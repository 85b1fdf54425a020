import { limits } from "@holdfast/core";
import { proofInvalid } from "./proof-invalid.js";
import { VarintReader } from "./varint.js";

/** Tag of field `key` of StateItem. */
const TAG_KEY = 0x0a;
/** Tag of field `value` of StateItem. */
const TAG_VALUE = 0x12;
/** Tag of field `items` of StateChunk. */
const TAG_ITEM = 0x32;

/**
 * Walks the items of a chunk body (field `items` of StateChunk as on the wire), checking that
 * each is encoded canonically. Positions are fields, so that a step makes no garbage.
 */
export class ItemCursor {
  readonly body: Uint8Array;
  /** First byte of the item, behind its tag and length. */
  start = 0;
  /** Behind the last byte of the item, and of its value. */
  end = 0;
  /** First byte of the key. */
  keyStart = 0;
  /** Behind the last byte of the key. */
  keyEnd = 0;
  /** First byte of the value; equal to `end` when it is empty. */
  valueStart = 0;
  readonly #varint: VarintReader;

  constructor(body: Uint8Array) {
    this.body = body;
    this.#varint = new VarintReader(body);
  }

  /**
   * Steps to the next item; false behind the last.
   * @throws PROOF_INVALID when the bytes are not canonical.
   */
  next(): boolean {
    const at = this.end;
    const body = this.body;
    if (at === body.length) return false;
    if (body[at] !== TAG_ITEM) throw malformed(at, "an item begins with tag 0x32");
    const length = this.#varint.read(at + 1, body.length);
    const start = this.#varint.at;
    if (length > body.length - start) throw malformed(at, "the item is cut off");
    this.parse(start, start + length);
    return true;
  }

  /**
   * Reads the item that fills `start` to `end`.
   * @throws PROOF_INVALID when it is not canonical or its key or value is out of limits.
   */
  parse(start: number, end: number): void {
    const body = this.body;
    const varint = this.#varint;
    if (start >= end || body[start] !== TAG_KEY) throw malformed(start, "the key is missing");
    const keyBytes = varint.read(start + 1, end);
    this.keyStart = varint.at;
    this.keyEnd = this.keyStart + keyBytes;
    if (keyBytes === 0 || keyBytes > limits.KEY_BYTES_MAX || this.keyEnd > end) {
      throw malformed(start, "the key is empty, too long or cut off");
    }
    this.start = start;
    this.end = end;
    this.valueStart = end;
    if (this.keyEnd === end) return;
    if (body[this.keyEnd] !== TAG_VALUE) throw malformed(this.keyEnd, "the value is expected");
    const valueBytes = varint.read(this.keyEnd + 1, end);
    this.valueStart = varint.at;
    if (valueBytes === 0 || valueBytes > limits.VALUE_BYTES_MAX) {
      throw malformed(this.keyEnd, "the value is written although empty, or too long");
    }
    if (this.valueStart + valueBytes !== end) {
      throw malformed(this.keyEnd, "the value does not end with the item");
    }
  }
}

function malformed(at: number, what: string): Error {
  return proofInvalid(`Byte ${at}: ${what}.`, { byte: `${at}` });
}
