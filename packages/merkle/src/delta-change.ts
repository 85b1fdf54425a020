import { HASH_BYTES, sha256 } from "./hash.js";
import { ItemCursor } from "./item-cursor.js";
import { proofInvalid } from "./proof-invalid.js";
import { fieldBytes, type WireReader, type WireWriter } from "./wire.js";

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

/** Where a hash that is not there begins. */
export const ABSENT = -1;

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

/** Reads fields `changes` of DeltaChunk; what was read last is in its fields. */
export class ChangeCursor {
  isPut = false;
  /** Of a put: its item. */
  readonly item: ItemCursor;
  /** Of a delete: where the key hash begins. */
  keyHashAt = 0;
  /** Where the hash of the value in the earlier state begins; -1: the key was absent. */
  oldValueHashAt: number = ABSENT;
  readonly #body: WireReader;

  constructor(body: WireReader) {
    this.#body = body;
    this.item = new ItemCursor(body.bytes);
  }

  /**
   * Steps to the next change; false behind the last.
   * @throws PROOF_INVALID unless it is canonical.
   */
  next(): boolean {
    const body = this.#body;
    if (body.nextTag() !== TAG_CHANGE) return false;
    const outerEnd = body.enter(TAG_CHANGE);
    this.isPut = body.nextTag() === TAG_PUT;
    const changeEnd = body.enter(this.isPut ? TAG_PUT : TAG_DELETE);
    if (this.isPut) this.#readPut(body);
    else this.#readDelete(body);
    body.leave(changeEnd);
    body.leave(outerEnd);
    return true;
  }

  #readPut(body: WireReader): void {
    const fieldsEnd = body.enter(TAG_SUBJECT);
    this.item.parse(body.at, body.end);
    body.begin(body.end, fieldsEnd);
    this.oldValueHashAt =
      body.nextTag() === TAG_OLD_VALUE_HASH ? body.fixedAt(TAG_OLD_VALUE_HASH, HASH_BYTES) : ABSENT;
  }

  #readDelete(body: WireReader): void {
    this.keyHashAt = body.fixedAt(TAG_SUBJECT, HASH_BYTES);
    this.oldValueHashAt = body.fixedAt(TAG_OLD_VALUE_HASH, HASH_BYTES);
  }
}

/**
 * Reads all fields `changes` of DeltaChunk, which come first. Buffers other than the hashes of key
 * and value of a put are views.
 * @throws PROOF_INVALID unless each is canonical and a change at all.
 */
export function readChanges(body: WireReader): DeltaChange[] {
  const cursor = new ChangeCursor(body);
  const changes: DeltaChange[] = [];
  while (cursor.next()) changes.push(changeOf(cursor, body.bytes));
  return changes;
}

function changeOf({ isPut, item, keyHashAt, oldValueHashAt }: ChangeCursor, bytes: Buffer) {
  const hashAt = (at: number): Buffer => bytes.subarray(at, at + HASH_BYTES);
  if (!isPut) {
    return {
      kind: "delete",
      keyHash: hashAt(keyHashAt),
      oldValueHash: hashAt(oldValueHashAt),
    } as const;
  }
  const valueHash = sha256(bytes.subarray(item.valueStart, item.end));
  const oldValueHash = oldValueHashAt === ABSENT ? null : hashAt(oldValueHashAt);
  if (oldValueHash?.equals(valueHash)) throw changesNothing();
  return {
    kind: "put",
    keyHash: sha256(bytes.subarray(item.keyStart, item.keyEnd)),
    item: bytes.subarray(item.start, item.end),
    valueHash,
    oldValueHash,
  } as const;
}

/** PROOF_INVALID for a put of the value that was there. */
export function changesNothing(): Error {
  return proofInvalid("A put changes nothing.");
}
