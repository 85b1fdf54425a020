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
export type ReadRecord = Buffer | string;

const ENDS_BEFORE = "the pack ends before its record does.";

/** The body of a tile, a private buffer, or what is wrong with its record. */
export async function readRecord(file: ReadableFile, line: ChunkLine): Promise<ReadRecord> {
  const [record = ENDS_BEFORE] = await readRecords(file, [line]);
  return record;
}

/**
 * The bodies of tiles whose records follow each other in a pack, read at once: parts of one buffer.
 */
export async function readRecords(
  file: ReadableFile,
  lines: readonly ChunkLine[],
): Promise<ReadRecord[]> {
  // A line is not believed about how much memory it may take.
  const last = lines.findLast((line) => recordEnd(line) <= file.bytes);
  const start = lines[0]?.offset ?? 0;
  const bytes = last === undefined ? null : await file.read(start, recordEnd(last) - start);
  return lines.map((line) =>
    bytes === null || recordEnd(line) - start > bytes.length
      ? ENDS_BEFORE
      : bodyOf(bytes.subarray(line.offset - start, recordEnd(line) - start), line),
  );
}

/** Behind the last byte of a tile's record. */
export function recordEnd({ offset, length }: ChunkLine): number {
  return offset + RECORD_HEADER_BYTES + length;
}

function bodyOf(record: Buffer, line: ChunkLine): ReadRecord {
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
