import { HoldfastError } from "@holdfast/core";

/** Wire types of protobuf that our messages use. */
const VARINT = 0;
const DELIMITED = 2;

/** A stretch of a buffer. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A field of an encoded message. */
export interface WireField {
  readonly number: number;
  /** Where its tag begins. */
  readonly tagAt: number;
  /** Its content, without tag and length; empty for a number. */
  readonly content: Span;
}

/**
 * The fields of an encoded message one after the other, without decoding them: chunk bodies have a
 * million items that nobody needs as objects.
 * @throws INTERNAL when the bytes are not a message.
 */
export function* wireFields(bytes: Uint8Array, span: Span): Generator<WireField> {
  let at = span.start;
  while (at < span.end) {
    const tagAt = at;
    const tag = readVarint(bytes, at, span.end);
    at = tag.end;
    const value = readVarint(bytes, at, span.end);
    at = value.end;
    if ((tag.value & 7) === DELIMITED) {
      if (value.value > span.end - at) throw malformedFrame();
      yield { number: tag.value >>> 3, tagAt, content: { start: at, end: at + value.value } };
      at += value.value;
    } else if ((tag.value & 7) === VARINT) {
      yield { number: tag.value >>> 3, tagAt, content: { start: at, end: at } };
    } else {
      throw malformedFrame();
    }
  }
}

/** Counts and sums the lengths of the items of a chunk body; does not look into them. */
export function measureItems(body: Uint8Array): { items: number; bytes: number } {
  let items = 0;
  let bytes = 0;
  let at = 0;
  while (at < body.length) {
    if (body[at] !== TAG_ITEM) throw malformedFrame();
    const length = readVarint(body, at + 1, body.length);
    at = length.end + length.value;
    items += 1;
    bytes += length.value;
  }
  if (at !== body.length) throw malformedFrame();
  return { items, bytes };
}

/** Tag of field `items` of StateChunk. */
const TAG_ITEM = 0x32;
/** A varint of 64 bits has ten bytes; the lengths used here fit into 53 bits. */
const VARINT_BYTES_MAX = 10;

function readVarint(bytes: Uint8Array, at: number, end: number): { value: number; end: number } {
  let value = 0;
  let factor = 1;
  for (let i = at; i < end && i < at + VARINT_BYTES_MAX; i++) {
    const byte = bytes[i] ?? 0;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return { value, end: i + 1 };
    factor *= 128;
  }
  throw malformedFrame();
}

/** A frame that is not what the contract says. */
export function malformedFrame(): HoldfastError {
  return new HoldfastError("INTERNAL", "The service sent a frame that does not parse.");
}
