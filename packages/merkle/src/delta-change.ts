import { HASH_BYTES, sha256 } from "./hash.js";
import { ItemCursor } from "./item-cursor.js";
import { fieldBytes, WireReader, type WireWriter } from "./wire.js";

/** One difference of two states. */
export type DeltaChange =
  | {
      readonly kind: "put";
      readonly keyHash: Buffer;
      /** The encoded item in the later state. */
      readonly item: Buffer;
      readonly valueHash: Buffer;
      /** Hash of the value in the earlier state; null when the key was absent. */
      readonly oldValueHash: Buffer | null;
    }
  | { readonly kind: "delete"; readonly keyHash: Buffer; readonly oldValueHash: Buffer };

/** Tag of field `changes` of DeltaChunk. */
export const TAG_CHANGE = 0x42;
// StateChange.
const TAG_PUT = 0x0a;
const TAG_DELETE = 0x12;
// PutChange and DeleteChange: item or key_hash, then old_value_hash.
const TAG_SUBJECT = 0x0a;
const TAG_OLD_VALUE_HASH = 0x12;

/** Appends a change as field `changes` of DeltaChunk. */
export function writeChange(body: WireWriter, change: DeltaChange): void {
  const subject = change.kind === "put" ? change.item : change.keyHash;
  const { oldValueHash } = change;
  const length =
    fieldBytes(subject.length) + (oldValueHash === null ? 0 : fieldBytes(oldValueHash.length));
  body.head(TAG_CHANGE, fieldBytes(length));
  body.head(change.kind === "put" ? TAG_PUT : TAG_DELETE, length);
  body.field(TAG_SUBJECT, subject);
  if (oldValueHash !== null) body.field(TAG_OLD_VALUE_HASH, oldValueHash);
}

/**
 * Reads the next field `changes` of DeltaChunk. Buffers other than the hashes of key and value of
 * a put are views.
 * @throws PROOF_INVALID unless it is canonical and a change at all.
 */
export function readChange(body: WireReader): DeltaChange {
  const outer = new WireReader(body.bytes, body.field(TAG_CHANGE));
  const isPut = outer.tag === TAG_PUT;
  const fields = new WireReader(body.bytes, outer.field(isPut ? TAG_PUT : TAG_DELETE));
  outer.done();
  const change = isPut ? readPut(fields) : readDelete(fields);
  fields.done();
  return change;
}

function readPut(fields: WireReader): DeltaChange {
  const { start, end } = fields.field(TAG_SUBJECT);
  const cursor = new ItemCursor(fields.bytes);
  cursor.parse(start, end);
  const valueHash = sha256(fields.bytes.subarray(cursor.valueStart, end));
  const oldValueHash =
    fields.tag === TAG_OLD_VALUE_HASH ? fields.fixed(TAG_OLD_VALUE_HASH, HASH_BYTES) : null;
  if (oldValueHash?.equals(valueHash)) throw fields.malformed("the put changes nothing");
  return {
    kind: "put",
    keyHash: sha256(fields.bytes.subarray(cursor.keyStart, cursor.keyEnd)),
    item: fields.bytes.subarray(start, end),
    valueHash,
    oldValueHash,
  };
}

function readDelete(fields: WireReader): DeltaChange {
  return {
    kind: "delete",
    keyHash: fields.fixed(TAG_SUBJECT, HASH_BYTES),
    oldValueHash: fields.fixed(TAG_OLD_VALUE_HASH, HASH_BYTES),
  };
}
