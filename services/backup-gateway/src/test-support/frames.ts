import { backup } from "@holdfast/api";

type Part = NonNullable<backup.StreamStateSnapshotResponse["part"]>;

const encode = (part: Part): Buffer =>
  Buffer.from(backup.StreamStateSnapshotResponse.encode({ part }).finish());

/** First frame of a stream, as bytes. */
export const HEADER: Buffer = encode({
  $case: "header",
  value: backup.StreamHeader.create({ version: 41n, historyId: Buffer.alloc(16, 1) }),
});

/** Last frame of a complete stream, as bytes. */
export const TRAILER: Buffer = encode({
  $case: "trailer",
  value: backup.StreamTrailer.create({ tiles: 3n, sha256: Buffer.alloc(32, 9) }),
});

/** A frame with one item of so many bytes; equal arguments give equal bytes. */
export function chunks(bytes: number, fill = 7): Buffer {
  const item = { key: Buffer.from("key"), value: Buffer.alloc(bytes, fill) };
  const empty = backup.StateChunk.create({ path: "0", itemCount: 1n });
  const chunk = { ...empty, items: [item] };
  return encode({ $case: "chunks", value: { chunks: [chunk] } });
}

/** A request that names a lease. */
export const REQUEST: backup.StreamStateSnapshotRequest = backup.StreamStateSnapshotRequest.create({
  leaseId: "lease-1",
});
