import { createHash } from "node:crypto";
import { sha256 } from "@holdfast/merkle";
import type { ReadableFile } from "./archive-files.js";
import { BODY_BYTES_MAX, PACK_RECORDS_MAX } from "./archive-limits.js";
import {
  decodeRecordHeader,
  FOOTER_BYTES,
  FOOTER_START_BYTES,
  INDEX_ENTRY_BYTES,
  PACK_MAGIC,
  RECORD_HEADER_BYTES,
  type RecordHeader,
} from "./pack-format.js";

/** Read at once: as much as the longest record. */
const SCAN_BYTES: number = RECORD_HEADER_BYTES + BODY_BYTES_MAX;

/** Called with the number of bytes read since the last call; may throw to stop. */
export type OnRead = (bytes: number) => void;

/**
 * Reads a pack once from beginning to end and compares all of it: magic, headers with the index,
 * bodies with their digests, and the digest of the whole with the footer and with the pack's name.
 * @returns the records by offset; null when anything is not what a writer writes.
 */
export async function scanPack(
  file: ReadableFile,
  pack: string,
  onRead: OnRead,
): Promise<ReadonlyMap<number, RecordHeader> | null> {
  const index = await readIndex(file);
  const hash = createHash("sha256");
  let records: Map<number, RecordHeader> | null = null;
  let rest: Buffer = Buffer.alloc(0);
  const digestAt = Math.max(0, file.bytes - 32);
  let walk: RecordWalk | null = null;
  for (let offset = 0; offset < digestAt; ) {
    const chunk = await file.read(offset, Math.min(SCAN_BYTES, digestAt - offset));
    if (chunk.length === 0) return null;
    onRead(chunk.length);
    hash.update(chunk);
    offset += chunk.length;
    if (index === null) continue;
    walk ??= new RecordWalk(index);
    rest = walk.take(rest.length === 0 ? chunk : Buffer.concat([rest, chunk]));
  }
  if (walk?.done === true) records = walk.records;
  const digest = await file.read(digestAt, 32);
  onRead(digest.length);
  const sound = hash.digest().equals(digest) && digest.toString("hex") === pack;
  return sound ? records : null;
}

/** Records of a pack as its index has them: only for a pack that `scanPack` found sound. */
export async function readIndex(file: ReadableFile): Promise<PackIndex | null> {
  const start = file.bytes - FOOTER_BYTES;
  if (start < PACK_MAGIC.length) return null;
  const footer = await file.read(start, FOOTER_START_BYTES);
  if (footer.length < FOOTER_START_BYTES) return null;
  const offset = Number(footer.readBigUInt64BE(0));
  const count = footer.readUInt32BE(8);
  if (count > PACK_RECORDS_MAX || offset + count * INDEX_ENTRY_BYTES !== start) return null;
  const entries = await file.read(offset, count * INDEX_ENTRY_BYTES);
  return entries.length === count * INDEX_ENTRY_BYTES ? { offset, count, entries } : null;
}

/** The index of a pack. */
export interface PackIndex {
  /** Where it begins, which is where the records end. */
  readonly offset: number;
  readonly count: number;
  readonly entries: Buffer;
}

/** The records that an index lists, by offset. */
export function recordsOf(index: PackIndex): Map<number, RecordHeader> {
  const records = new Map<number, RecordHeader>();
  for (let at = 0; at < index.entries.length; at += INDEX_ENTRY_BYTES) {
    const offset = Number(index.entries.readBigUInt64BE(at));
    records.set(offset, decodeRecordHeader(index.entries, at + 8));
  }
  return records;
}

/** Walks over magic and records and holds them against the index. */
class RecordWalk {
  readonly records: Map<number, RecordHeader>;
  readonly #index: PackIndex;
  #offset = 0;
  #count = 0;
  #sound = true;

  constructor(index: PackIndex) {
    this.#index = index;
    this.records = recordsOf(index);
  }

  /** Whether all records were met, whole, and nothing else. */
  get done(): boolean {
    return this.#sound && this.#count === this.#index.count && this.#offset === this.#index.offset;
  }

  /** Takes the next bytes and answers those at their end that are not a whole record yet. */
  take(bytes: Buffer): Buffer {
    let at = 0;
    if (this.#offset === 0) {
      if (bytes.length < PACK_MAGIC.length) return bytes;
      this.#sound = bytes.subarray(0, PACK_MAGIC.length).equals(PACK_MAGIC);
      at = PACK_MAGIC.length;
      this.#offset = at;
    }
    while (this.#sound && this.#offset < this.#index.offset) {
      if (at + RECORD_HEADER_BYTES > bytes.length) break;
      const header = decodeRecordHeader(bytes, at);
      const recordBytes = RECORD_HEADER_BYTES + header.length;
      this.#sound = header.length <= BODY_BYTES_MAX && this.#isIndexed(bytes, at);
      if (!this.#sound || at + recordBytes > bytes.length) break;
      const body = bytes.subarray(at + RECORD_HEADER_BYTES, at + recordBytes);
      this.#sound = sha256(body).equals(header.sha256);
      at += recordBytes;
      this.#offset += recordBytes;
      this.#count++;
    }
    return this.#sound && this.#offset < this.#index.offset ? bytes.subarray(at) : Buffer.alloc(0);
  }

  #isIndexed(bytes: Buffer, at: number): boolean {
    const entry = this.#count * INDEX_ENTRY_BYTES;
    const { entries } = this.#index;
    return (
      this.#count < this.#index.count &&
      Number(entries.readBigUInt64BE(entry)) === this.#offset &&
      bytes.compare(entries, entry + 8, entry + INDEX_ENTRY_BYTES, at, at + RECORD_HEADER_BYTES) ===
        0
    );
  }
}
