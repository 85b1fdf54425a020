import { sha256 } from "@holdfast/merkle";
import type { ReadableFile } from "./archive-files.js";
import {
  CODEC_NONE,
  decodeRecordHeader,
  RECORD_HEADER_BYTES,
  RECORD_KINDS,
} from "./pack-format.js";
import type { ChunkLine } from "./tile-line.js";

/** The body of a tile, or what is wrong with its record. */
export async function readRecord(file: ReadableFile, line: ChunkLine): Promise<Buffer | string> {
  const recordBytes = RECORD_HEADER_BYTES + line.length;
  // A line is not believed about how much memory it may take.
  if (line.offset + recordBytes > file.bytes) return "the pack ends before its record does.";
  const record = await file.read(line.offset, recordBytes);
  if (record.length < recordBytes) return "the pack ends before its record does.";
  const header = decodeRecordHeader(record, 0);
  const expected =
    header.length === line.length &&
    header.kind === RECORD_KINDS[line.kind] &&
    header.codec === CODEC_NONE &&
    header.sha256.equals(line.chunk);
  if (!expected) return "the record's header is not the one that was written.";
  const body = record.subarray(RECORD_HEADER_BYTES);
  return sha256(body).equals(line.chunk) ? body : "its bytes do not have its digest.";
}
