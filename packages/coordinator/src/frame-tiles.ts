import { isSha256 } from "@holdfast/merkle";
import { FieldCursor, malformedFrame, type Span } from "./wire-fields.js";

/** A tile of a snapshot as a frame carries it: what is not a number is where it lies. */
export interface FullTile {
  readonly path: string;
  /** A TreeNode message; `nodeAt` reads it. */
  readonly node: Span;
  readonly items: number;
  readonly chunkId: Span;
  readonly body: Span;
}

/** A tile of a delta as a frame carries it: what is not a number is where it lies. */
export interface DeltaTile {
  readonly path: string;
  /** A TreeNode message; null on an unchanged tile. */
  readonly from: Span | null;
  /** A TreeNode message. */
  readonly to: Span;
  /** Items and bytes of the subtree in the later state. */
  readonly items: number;
  readonly bytes: number;
  readonly changes: number;
  readonly chunkId: Span;
  /** Null on an unchanged tile. */
  readonly body: Span | null;
}

/** The one part of a frame: number of its field, and where it lies. */
export interface FramePart extends Span {
  readonly number: number;
}

/** Number of the part that has tiles, in every stream's message. */
export const PART_CHUNKS = 2;

// Numbers of the fields of chunks.
const CHUNKS_CHUNK = 1;
const CHUNK_PATH = 1;
const STATE_CHUNK = { node: 2, items: 3, chunkId: 4, body: 6 } as const;
const DELTA_CHUNK = {
  from: 2,
  to: 3,
  changes: 4,
  chunkId: 5,
  items: 6,
  bytes: 7,
  body: 8,
} as const;

const NOWHERE: Span = { start: 0, end: 0 };
const CHUNK_ID_BYTES = 32;

/** Whether this is the chunk id of a body; where a frame has none, it is not. */
export function isChunk(frame: Buffer, body: Span, chunkId: Span): boolean {
  if (chunkId.end - chunkId.start !== CHUNK_ID_BYTES) return false;
  return isSha256(frame.subarray(body.start, body.end), frame, chunkId.start);
}

/** The part of a frame. @throws INTERNAL unless there is one. */
export function partOf(frame: Buffer): FramePart {
  const field = new FieldCursor(frame);
  field.begin({ start: 0, end: frame.length });
  if (!field.next() || field.end !== frame.length) throw malformedFrame();
  const { number, start, end } = field;
  return { number, start, end };
}

/** The tiles of a frame of StreamStateSnapshot. @throws INTERNAL when it has none. */
export function fullTilesOf(frame: Buffer): FullTile[] {
  return tilesOf(frame, (field, chunk) => {
    let path = "";
    let node = NOWHERE;
    let items = 0;
    let chunkId = NOWHERE;
    let bodyAt = chunk.end;
    field.begin(chunk);
    while (bodyAt === chunk.end && field.next()) {
      if (field.number >= STATE_CHUNK.body) bodyAt = field.tagAt;
      else if (field.number === CHUNK_PATH) path = pathAt(frame, field);
      else if (field.number === STATE_CHUNK.node) node = spanOf(field);
      else if (field.number === STATE_CHUNK.items) items = field.value;
      else if (field.number === STATE_CHUNK.chunkId) chunkId = chunkIdAt(field);
    }
    return { path, node, items, chunkId, body: { start: bodyAt, end: chunk.end } };
  });
}

/** The tiles of a frame of StreamStateChanges. @throws INTERNAL when it has none. */
export function deltaTilesOf(frame: Buffer): DeltaTile[] {
  return tilesOf(frame, (field, chunk) => {
    let path = "";
    let from: Span | null = null;
    let to = NOWHERE;
    let changes = 0;
    let chunkId = NOWHERE;
    let items = 0;
    let bytes = 0;
    let bodyAt = chunk.end;
    field.begin(chunk);
    while (bodyAt === chunk.end && field.next()) {
      if (field.number >= DELTA_CHUNK.body) bodyAt = field.tagAt;
      else if (field.number === CHUNK_PATH) path = pathAt(frame, field);
      else if (field.number === DELTA_CHUNK.from) from = spanOf(field);
      else if (field.number === DELTA_CHUNK.to) to = spanOf(field);
      else if (field.number === DELTA_CHUNK.changes) changes = field.value;
      else if (field.number === DELTA_CHUNK.chunkId) chunkId = chunkIdAt(field);
      else if (field.number === DELTA_CHUNK.items) items = field.value;
      else if (field.number === DELTA_CHUNK.bytes) bytes = field.value;
    }
    if (from === null && bodyAt !== chunk.end) throw malformedFrame();
    const body = from === null ? null : { start: bodyAt, end: chunk.end };
    return { path, from, to, items, bytes, changes, chunkId, body };
  });
}

/** @param readChunk may step the cursor wherever it likes. */
function tilesOf<T>(frame: Buffer, readChunk: (field: FieldCursor, chunk: Span) => T): T[] {
  const part = partOf(frame);
  if (part.number !== PART_CHUNKS) throw malformedFrame();
  const tiles: T[] = [];
  const field = new FieldCursor(frame);
  const chunk = new FieldCursor(frame);
  for (chunk.begin(part); chunk.next(); ) {
    if (chunk.number !== CHUNKS_CHUNK) throw malformedFrame();
    tiles.push(readChunk(field, chunk));
  }
  return tiles;
}

function spanOf({ start, end }: Span): Span {
  return { start, end };
}

function pathAt(frame: Buffer, { start, end }: Span): string {
  return frame.toString("latin1", start, end);
}

function chunkIdAt(span: Span): Span {
  if (span.end - span.start !== CHUNK_ID_BYTES) throw malformedFrame();
  return spanOf(span);
}
