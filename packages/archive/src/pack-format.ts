// The layout of a pack; docs/archive-format.md explains it. All numbers are big-endian.

/** First 16 bytes of every pack. */
export const PACK_MAGIC: Buffer = Buffer.from("HOLDFAST PACK 1\n", "latin1");
/** Header before every body: length u32, kind u8, codec u8, SHA-256 of the stored body. */
export const RECORD_HEADER_BYTES = 38;
/** Entry of the index: offset u64, then the record's header. */
export const INDEX_ENTRY_BYTES: number = 8 + RECORD_HEADER_BYTES;
/** Footer: offset of the index u64, count u32, SHA-256 of all before. */
export const FOOTER_BYTES = 44;
/** Footer up to its digest. */
export const FOOTER_START_BYTES = 12;
/** Codec of a body that is stored as it is. */
export const CODEC_NONE = 0;

/** What a body holds, by the kind of snapshot it belongs to. */
export const RECORD_KINDS = { full: 1, changed: 2 } as const;

/** Folder of the packs. */
export const PACKS = "packs";

/** File of a pack. */
export function packFile(pack: string): string {
  return `${packFolder(pack)}/${pack}.pack`;
}

/** Folder of a pack's file. */
export function packFolder(pack: string): string {
  return `${PACKS}/${pack.slice(0, 2)}`;
}

/** What a record's header says. */
export interface RecordHeader {
  readonly length: number;
  readonly kind: number;
  readonly codec: number;
  /** SHA-256 of the stored body, 32 bytes. */
  readonly sha256: Buffer;
}

/** The index entry of a record at `offset`; it ends with the record's header as stored. */
export function encodeIndexEntry(offset: number, header: RecordHeader): Buffer {
  const bytes = Buffer.allocUnsafe(INDEX_ENTRY_BYTES);
  writeIndexEntry(bytes, 0, offset, header);
  return bytes;
}

/** Writes the index entry of a record at `offset` to `at`. */
export function writeIndexEntry(
  bytes: Buffer,
  at: number,
  offset: number,
  header: RecordHeader,
): void {
  // Modulo 2^32, and what is above.
  bytes.writeUInt32BE(offset >>> 0, at + 4);
  bytes.writeUInt32BE(Math.floor(offset / 2 ** 32), at);
  bytes.writeUInt32BE(header.length, at + 8);
  bytes[at + 12] = header.kind;
  bytes[at + 13] = header.codec;
  bytes.set(header.sha256, at + 14);
}

/** The header at `at`, which has to lie within `bytes`; its digest is a view. */
export function decodeRecordHeader(bytes: Buffer, at: number): RecordHeader {
  return {
    length: bytes.readUInt32BE(at),
    kind: bytes.readUInt8(at + 4),
    codec: bytes.readUInt8(at + 5),
    sha256: bytes.subarray(at + 6, at + RECORD_HEADER_BYTES),
  };
}

/** The footer up to its digest. */
export function encodeFooterStart(indexOffset: number, records: number): Buffer {
  const bytes = Buffer.allocUnsafe(FOOTER_START_BYTES);
  bytes.writeBigUInt64BE(BigInt(indexOffset), 0);
  bytes.writeUInt32BE(records, 8);
  return bytes;
}
