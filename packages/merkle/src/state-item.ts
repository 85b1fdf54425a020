import { strict as assert } from "node:assert";
import { limits } from "@holdfast/core";
import { ItemCursor } from "./item-cursor.js";
import { varintBytes, writeVarint } from "./varint.js";

/** A key and its value. */
export interface StateItem {
  /** 1..1,024 bytes. */
  readonly key: Buffer;
  /** 0..1,048,576 bytes. */
  readonly value: Buffer;
}

/** Tag of field `key`. */
const TAG_KEY = 0x0a;
/** Tag of field `value`. */
const TAG_VALUE = 0x12;

/** The canonical encoding of an item: protobuf StateItem, an empty value left out. */
export function encodeStateItem(key: Uint8Array, value: Uint8Array): Buffer {
  assert(key.length >= 1 && key.length <= limits.KEY_BYTES_MAX, "key length out of range");
  assert(value.length <= limits.VALUE_BYTES_MAX, "value length out of range");
  const item = Buffer.allocUnsafe(stateItemBytes(key.length, value.length));
  item[0] = TAG_KEY;
  let at = writeVarint(item, 1, key.length);
  item.set(key, at);
  at += key.length;
  if (value.length === 0) return item;
  item[at] = TAG_VALUE;
  at = writeVarint(item, at + 1, value.length);
  item.set(value, at);
  return item;
}

/**
 * The key and value of an encoded item, as views into `bytes`.
 * @throws PROOF_INVALID unless encoding them again gives the same bytes.
 */
export function decodeStateItem(bytes: Buffer): StateItem {
  const cursor = new ItemCursor(bytes);
  cursor.parse(0, bytes.length);
  return {
    key: bytes.subarray(cursor.keyStart, cursor.keyEnd),
    value: bytes.subarray(cursor.valueStart, cursor.end),
  };
}

/** Encoded length of an item from the lengths of its key and value, bytes. */
export function stateItemBytes(keyBytes: number, valueBytes: number): number {
  const key = 1 + varintBytes(keyBytes) + keyBytes;
  return valueBytes === 0 ? key : key + 1 + varintBytes(valueBytes) + valueBytes;
}
