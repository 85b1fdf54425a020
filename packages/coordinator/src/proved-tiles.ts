import { backup } from "@holdfast/api";
import type { NewTile } from "@holdfast/archive";
import { HoldfastError, orderedConcurrency } from "@holdfast/core";
import type { FoldPool } from "./fold-pool.js";
import { type DeltaTile, type FullTile, isChunk } from "./frame-tiles.js";
import { readDeltaFrame, readFullFrame } from "./frames.js";
import { nodeAt } from "./node-at.js";
import {
  type ResumableStream,
  readStream,
  type StreamDependencies,
  type TileFrame,
} from "./stream-reader.js";
import { measureItems, type Span } from "./wire-fields.js";

/** A tile that was checked, and its body; null for an unchanged tile. */
export interface CheckedTile {
  readonly tile: NewTile;
  readonly body: Buffer | null;
}

/** Frames that are proved or wait to be taken, for each thread. */
const FRAMES_PER_THREAD = 2;

/** What is streamed. */
export interface StreamTarget {
  readonly ledgerId: Buffer;
  readonly historyId: Buffer;
  readonly version: bigint;
  /** 32 bytes. */
  readonly stateRoot: Buffer;
  readonly leaseId: string;
  /** Path of the last tile held; "" begins at the first. */
  readonly resumeAfter: string;
}

/**
 * Streams a snapshot. Digests are always checked; with a pool each tile is also folded and compared
 * with its node, in threads.
 * @throws PROOF_INVALID when a tile is not what its node says; like `readStream`.
 */
export function streamFull(
  target: StreamTarget,
  pool: FoldPool | null,
  dependencies: StreamDependencies,
): AsyncGenerator<readonly CheckedTile[], void, undefined> {
  const stream: ResumableStream<backup.StreamStateSnapshotRequest, FullTile> = {
    method: backup.BackupServiceService.streamStateSnapshot,
    request: (resumeAfter) => ({
      version: target.version,
      leaseId: target.leaseId,
      expectedHistoryId: target.historyId,
      expectedRoot: target.stateRoot,
      resumeAfter,
      withProofs: false,
    }),
    readFrame: readFullFrame,
    itemsOf: ({ items }) => items,
    checkHeader: (header) => checkHeader(header, target),
    resumeAfter: target.resumeAfter,
  };
  pool?.start();
  return orderedConcurrency(
    readStream(stream, dependencies),
    concurrencyOf(pool),
    async (read) => (pool === null ? digestedTiles(read) : await provedFull(read, pool)),
    dependencies.signal,
  );
}

/**
 * Streams a delta; each tile is folded in threads and compared with its two nodes.
 * @throws PROOF_INVALID when a tile is not what its nodes say; like `readStream`.
 */
export function streamDelta(
  target: StreamTarget,
  from: { readonly version: bigint; readonly stateRoot: Buffer },
  pool: FoldPool,
  dependencies: StreamDependencies,
): AsyncGenerator<readonly CheckedTile[], void, undefined> {
  const stream: ResumableStream<backup.StreamStateChangesRequest, DeltaTile> = {
    method: backup.BackupServiceService.streamStateChanges,
    request: (resumeAfter) => ({
      fromVersion: from.version,
      fromRoot: from.stateRoot,
      version: target.version,
      leaseId: target.leaseId,
      expectedHistoryId: target.historyId,
      expectedRoot: target.stateRoot,
      resumeAfter,
    }),
    readFrame: readDeltaFrame,
    itemsOf: ({ changes }) => changes,
    checkHeader: (header) => {
      checkHeader(header, target);
      if (header.fromVersion !== from.version || !header.fromRoot.equals(from.stateRoot)) {
        throw otherStream();
      }
    },
    resumeAfter: target.resumeAfter,
  };
  return orderedConcurrency(
    readStream(stream, dependencies),
    concurrencyOf(pool),
    (read) => provedDelta(read, pool),
    dependencies.signal,
  );
}

function concurrencyOf(pool: FoldPool | null): number {
  return pool === null ? 1 : pool.threads * FRAMES_PER_THREAD;
}

function digestedTiles({ frame, tiles }: TileFrame<FullTile>): CheckedTile[] {
  return tiles.map((tile) => {
    const body = at(frame, tile.body);
    const measured = measureItems(body);
    if (measured.items !== tile.items) throw notProved(tile.path, "it has another number of items");
    if (!isChunk(frame, tile.body, tile.chunkId)) {
      throw notProved(tile.path, "its digest is not its chunk id");
    }
    return fullTile(frame, tile, measured.bytes);
  });
}

async function provedFull(
  { frame: given, tiles }: TileFrame<FullTile>,
  pool: FoldPool,
): Promise<CheckedTile[]> {
  const { frame, proof } = await pool.prove("full", given);
  if (proof.kind === "wrong") throw notProved(proof.path, proof.why);
  return tiles.map((tile, index) => fullTile(frame, tile, proof.bytes[index] ?? 0));
}

async function provedDelta(
  { frame: given, tiles }: TileFrame<DeltaTile>,
  pool: FoldPool,
): Promise<CheckedTile[]> {
  const { frame, proof } = await pool.prove("delta", given);
  if (proof.kind === "wrong") throw notProved(proof.path, proof.why);
  return tiles.map(({ path, from, to, items, bytes, changes, chunkId, body }) => {
    const later = nodeAt(frame, to);
    if (body === null || from === null) {
      return { tile: { kind: "unchanged", path, node: later, items, bytes }, body: null };
    }
    const [earlier, chunk] = [nodeAt(frame, from), at(frame, chunkId)];
    return {
      tile: { kind: "changed", path, from: earlier, to: later, items, bytes, changes, chunk },
      body: at(frame, body),
    };
  });
}

function fullTile(
  frame: Buffer,
  { path, node, items, chunkId, body }: FullTile,
  bytes: number,
): CheckedTile {
  const [root, chunk] = [nodeAt(frame, node), at(frame, chunkId)];
  if (root.kind === "empty") throw notProved(path, "a snapshot has no tiles without items");
  return {
    tile: { kind: "full", path, node: root, items, bytes, chunk },
    body: at(frame, body),
  };
}

function at(frame: Buffer, { start, end }: Span): Buffer {
  return frame.subarray(start, end);
}

function checkHeader(header: backup.StreamHeader, target: StreamTarget): void {
  if (
    !header.ledgerId.equals(target.ledgerId) ||
    !header.historyId.equals(target.historyId) ||
    header.version !== target.version ||
    !header.stateRoot.equals(target.stateRoot)
  ) {
    throw otherStream();
  }
  if (header.codec !== backup.Codec.NONE) {
    throw new HoldfastError("INTERNAL", "The stream has a codec that this version cannot read.");
  }
}

function otherStream(): HoldfastError {
  return new HoldfastError(
    "HISTORY_FORKED",
    "The stream is about another state than the one asked for.",
  );
}

/** The source is rotten, or lies; nothing of it is published. */
function notProved(path: string, why: string): HoldfastError {
  return new HoldfastError(
    "PROOF_INVALID",
    `Tile ${path} does not prove: ${why}. Run \`holdfast-storage fsck\` on the store.`,
    { metadata: { path } },
  );
}
