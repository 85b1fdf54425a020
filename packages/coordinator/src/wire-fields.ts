import { HoldfastError } from "@holdfast/core";

/** Wire types of protobuf that our messages use. */
const VARINT = 0;
const DELIMITED = 2;
/** A varint of 64 bits has ten bytes; the numbers used here fit into 53 bits. */
const VARINT_BYTES_MAX = 10;

/** A stretch of a buffer. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Steps through the fields of an encoded message without decoding them: chunk bodies have a million
 * items that nobody needs as objects, and a delta has a hundred thousand tiles.
 */
export class FieldCursor implements Span {
  /** Number of the field. */
  number = 0;
  /** Where its tag begins. */
  tagAt = 0;
  /** Its content, without tag and length; empty for a number. */
  start = 0;
  end = 0;
  /** Its value, if it is a number. */
  value = 0;
  readonly #bytes: Uint8Array;
  #at = 0;
  #end = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Stands before the first field of the message there. */
  begin({ start, end }: Span): void {
    this.#at = start;
    this.#end = end;
  }

  /**
   * Steps to the next field; false behind the last.
   * @throws INTERNAL when the bytes are not a message.
   */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    this.tagAt = this.#at;
    const tag = this.#varint();
    this.number = tag >>> 3;
    this.value = this.#varint();
    this.start = this.#at;
    if ((tag & 7) === DELIMITED) {
      if (this.value > this.#end - this.#at) throw malformedFrame();
      this.#at += this.value;
    } else if ((tag & 7) !== VARINT) {
      throw malformedFrame();
    }
    this.end = this.#at;
    return true;
  }

  #varint(): number {
    let value = 0;
    let factor = 1;
    const end = Math.min(this.#end, this.#at + VARINT_BYTES_MAX);
    for (let at = this.#at; at < end; at++) {
      const byte = this.#bytes[at] ?? 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        this.#at = at + 1;
        return value;
      }
      factor *= 128;
    }
    throw malformedFrame();
  }
}

/** Number of field `items` of StateChunk. */
const FIELD_ITEMS = 6;

/** Counts and sums the lengths of the items of a chunk body; does not look into them. */
export function measureItems(body: Uint8Array): { items: number; bytes: number } {
  const field = new FieldCursor(body);
  let items = 0;
  let bytes = 0;
  field.begin({ start: 0, end: body.length });
  while (field.next()) {
    if (field.number !== FIELD_ITEMS) throw malformedFrame();
    items += 1;
    bytes += field.end - field.start;
  }
  return { items, bytes };
}

/** A frame that is not what the contract says. */
export function malformedFrame(): HoldfastError {
  return new HoldfastError("INTERNAL", "The service sent a frame that does not parse.");
}
