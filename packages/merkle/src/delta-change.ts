import { HASH_BYTES, sha256 } from "./hash.js";
import { ItemCursor } from "./item-cursor.js";
import { bitAt } from "./path.js";
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

/** A hash that lies somewhere. */
export interface HashPlace {
  readonly bytes: Buffer;
  readonly at: number;
}

/**
 * The changes of a tile, as its writer needs them: numbered from 0, ascending by key hash, each a
 * real difference.
 */
export interface WrittenChanges {
  readonly count: number;
  keyHash(change: number): Buffer;
  /** The bit at `depth` of its key hash. */
  bit(change: number, depth: number): 0 | 1;
  isPut(change: number): boolean;
  /** Appends it, by `writePut` or `writeDelete`. */
  write(change: number, body: WireWriter): void;
}

/** Appends a put as field `changes` of DeltaChunk; null when the key was absent before. */
export function writePut(body: WireWriter, item: Buffer, oldValueHash: HashPlace | null): void {
  const length = fieldBytes(item.length) + (oldValueHash === null ? 0 : fieldBytes(HASH_BYTES));
  body.head(TAG_CHANGE, fieldBytes(length));
  body.head(TAG_PUT, length);
  body.field(TAG_SUBJECT, item);
  if (oldValueHash !== null) writeHash(body, TAG_OLD_VALUE_HASH, oldValueHash);
}

/** Appends a deletion as field `changes` of DeltaChunk. */
export function writeDelete(body: WireWriter, keyHash: HashPlace, oldValueHash: HashPlace): void {
  const length = 2 * fieldBytes(HASH_BYTES);
  body.head(TAG_CHANGE, fieldBytes(length));
  body.head(TAG_DELETE, length);
  writeHash(body, TAG_SUBJECT, keyHash);
  writeHash(body, TAG_OLD_VALUE_HASH, oldValueHash);
}

function writeHash(body: WireWriter, tag: number, { bytes, at }: HashPlace): void {
  body.head(tag, HASH_BYTES).hash(bytes, at);
}

/** Changes that are objects, for who writes them. */
export function writtenChanges(changes: readonly DeltaChange[]): WrittenChanges {
  const at = (change: number): DeltaChange => {
    const found = changes[change];
    if (found === undefined) throw new RangeError(`there is no change ${change}`);
    return found;
  };
  return {
    count: changes.length,
    keyHash: (change) => at(change).keyHash,
    bit: (change, depth) => bitAt(at(change).keyHash, depth),
    isPut: (change) => at(change).kind === "put",
    write: (change, body) => {
      const found = at(change);
      const old = found.oldValueHash === null ? null : { bytes: found.oldValueHash, at: 0 };
      if (found.kind === "put") writePut(body, found.item, old);
      else writeDelete(body, { bytes: found.keyHash, at: 0 }, { bytes: found.oldValueHash, at: 0 });
    },
  };
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
