import { backup } from "@holdfast/api";
import type { NewTile } from "@holdfast/archive";
import { HoldfastError, orderedConcurrency } from "@holdfast/core";
import { nodesEqual, sha256 } from "@holdfast/merkle";
import type { Folded } from "./fold-jobs.js";
import type { FoldPool } from "./fold-pool.js";
import { type DeltaTile, type FullTile, readDeltaFrame, readFullFrame } from "./frames.js";
import {
  type ResumableStream,
  readStream,
  type StreamDependencies,
  type TileFrame,
} from "./stream-reader.js";
import { measureItems } from "./wire-fields.js";

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
  const frames = readStream(stream, dependencies);
  const check =
    pool === null
      ? (frame: TileFrame<FullTile>) => Promise.resolve(digestedTiles(frame))
      : (frame: TileFrame<FullTile>) => provedFull(frame, pool);
  return orderedConcurrency(frames, concurrencyOf(pool), check, dependencies.signal);
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
    (frame) => provedDelta(frame, pool),
    dependencies.signal,
  );
}

function concurrencyOf(pool: FoldPool | null): number {
  return pool === null ? 1 : pool.threads * FRAMES_PER_THREAD;
}

function digestedTiles({ frame, tiles }: TileFrame<FullTile>): CheckedTile[] {
  return tiles.map(({ path, node, items, chunkId, body: { start, end } }) => {
    const body = frame.subarray(start, end);
    const measured = measureItems(body);
    if (measured.items !== items) throw notProved(path, "it has another number of items");
    if (!sha256(body).equals(chunkId)) throw notProved(path, "its digest is not its chunk id");
    return {
      tile: { kind: "full", path, node, items, bytes: measured.bytes, chunk: chunkId },
      body,
    };
  });
}

async function provedFull(
  { frame, tiles }: TileFrame<FullTile>,
  pool: FoldPool,
): Promise<CheckedTile[]> {
  const tasks = tiles.map(({ path, body }) => ({ kind: "full" as const, path, ...body }));
  const { bytes, folded } = await pool.fold(frame, tasks);
  return tiles.map(({ path, node, items, chunkId, body: { start, end } }, index) => {
    const found = folded[index];
    checkDigest(path, chunkId, found);
    if (found?.kind !== "full") throw notProved(path, whyOf(found));
    if (!nodesEqual(found.node, node)) throw notProved(path, "its items fold to another node");
    if (found.items !== items) throw notProved(path, "it has another number of items");
    return {
      tile: { kind: "full", path, node, items, bytes: found.bytes, chunk: chunkId },
      body: bytes.subarray(start, end),
    };
  });
}

async function provedDelta(
  { frame, tiles }: TileFrame<DeltaTile>,
  pool: FoldPool,
): Promise<CheckedTile[]> {
  const tasks = tiles.flatMap(({ path, body }) =>
    body === null ? [] : [{ kind: "delta" as const, path, ...body }],
  );
  const answer = tasks.length === 0 ? null : await pool.fold(frame, tasks);
  const folded = (answer?.folded ?? [])[Symbol.iterator]();
  return tiles.map(({ path, from, to, items, bytes, changes, chunkId, body }) => {
    if (body === null || from === null || answer === null) {
      return { tile: { kind: "unchanged", path, node: to, items, bytes }, body: null };
    }
    const found: Folded | undefined = folded.next().value;
    checkDigest(path, chunkId, found);
    if (found?.kind !== "delta") throw notProved(path, whyOf(found));
    if (!nodesEqual(found.from, from) || !nodesEqual(found.to, to)) {
      throw notProved(path, "its changes fold to another node");
    }
    if (found.changes !== changes) throw notProved(path, "it has another number of changes");
    return {
      tile: { kind: "changed", path, from, to, items, bytes, changes, chunk: chunkId },
      body: answer.bytes.subarray(body.start, body.end),
    };
  });
}

function checkDigest(path: string, chunkId: Buffer, found: Folded | undefined): void {
  if (found?.chunkId.equals(chunkId) !== true) {
    throw notProved(path, "its digest is not its chunk id");
  }
}

function whyOf(found: Folded | undefined): string {
  return found?.kind === "invalid" ? found.why : "it was not folded";
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
