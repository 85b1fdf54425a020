import { backup } from "@holdfast/api";
import type { TreeNode } from "@holdfast/merkle";
import { nodeFromWire } from "./tree-nodes.js";
import { malformedFrame, type Span, wireFields } from "./wire-fields.js";

/** A tile of a snapshot as a frame carries it. */
export interface FullTile {
  readonly path: string;
  readonly node: TreeNode;
  readonly items: number;
  readonly chunkId: Buffer;
  /** Where its body lies in the frame. */
  readonly body: Span;
}

/** A tile of a delta as a frame carries it. */
export interface DeltaTile {
  readonly path: string;
  /** Null on an unchanged tile. */
  readonly from: TreeNode | null;
  readonly to: TreeNode;
  /** Items and bytes of the subtree in the later state. */
  readonly items: number;
  readonly bytes: number;
  readonly changes: number;
  readonly chunkId: Buffer;
  /** Where its body lies in the frame; null on an unchanged tile. */
  readonly body: Span | null;
}

/** One frame of a stream; bodies stay where they are. */
export type Frame<T> =
  | { readonly kind: "header"; readonly header: backup.StreamHeader }
  | { readonly kind: "tiles"; readonly frame: Buffer; readonly tiles: readonly T[] }
  | { readonly kind: "heartbeat" }
  | { readonly kind: "trailer"; readonly trailer: backup.StreamTrailer };

// Numbers of the fields of every stream's message, and of its chunks.
const PART_HEADER = 1;
const PART_CHUNKS = 2;
const PART_HEARTBEAT = 3;
const PART_TRAILER = 4;
const CHUNKS_CHUNK = 1;
const STATE_CHUNK_ITEMS = 6;
const DELTA_CHUNK_CHANGES = 8;

/** Reads a frame of StreamStateSnapshot. @throws INTERNAL, PROOF_INVALID. */
export function readFullFrame(frame: Buffer): Frame<FullTile> {
  return readFrame(frame, (chunk) => {
    const body = bodyOf(frame, chunk, STATE_CHUNK_ITEMS);
    const head = backup.StateChunk.decode(frame.subarray(chunk.start, body.start));
    return {
      path: head.path,
      node: nodeFromWire(head.node),
      items: Number(head.itemCount),
      chunkId: head.chunkId,
      body,
    };
  });
}

/** Reads a frame of StreamStateChanges. @throws INTERNAL, PROOF_INVALID. */
export function readDeltaFrame(frame: Buffer): Frame<DeltaTile> {
  return readFrame(frame, (chunk) => {
    const body = bodyOf(frame, chunk, DELTA_CHUNK_CHANGES);
    const head = backup.DeltaChunk.decode(frame.subarray(chunk.start, body.start));
    const isUnchanged = head.fromNode === undefined;
    if (isUnchanged && body.start !== body.end) throw malformedFrame();
    return {
      path: head.path,
      from: isUnchanged ? null : nodeFromWire(head.fromNode),
      to: nodeFromWire(head.toNode),
      items: Number(head.items),
      bytes: Number(head.bytes),
      changes: Number(head.changeCount),
      chunkId: head.chunkId,
      body: isUnchanged ? null : body,
    };
  });
}

function readFrame<T>(frame: Buffer, readChunk: (span: Span) => T): Frame<T> {
  const [part, ...others] = wireFields(frame, { start: 0, end: frame.length });
  if (part === undefined || others.length > 0) throw malformedFrame();
  const content = (): Buffer => frame.subarray(part.content.start, part.content.end);
  switch (part.number) {
    case PART_HEADER:
      return { kind: "header", header: backup.StreamHeader.decode(content()) };
    case PART_CHUNKS: {
      const tiles: T[] = [];
      for (const chunk of wireFields(frame, part.content)) {
        if (chunk.number !== CHUNKS_CHUNK) throw malformedFrame();
        tiles.push(readChunk(chunk.content));
      }
      return { kind: "tiles", frame, tiles };
    }
    case PART_HEARTBEAT:
      return { kind: "heartbeat" };
    case PART_TRAILER:
      return { kind: "trailer", trailer: backup.StreamTrailer.decode(content()) };
    default:
      throw malformedFrame();
  }
}

/** The body of a chunk: all from field `first` on, which the contract puts last. */
function bodyOf(frame: Buffer, chunk: Span, first: number): Span {
  for (const field of wireFields(frame, chunk)) {
    if (field.number >= first) return { start: field.tagAt, end: chunk.end };
  }
  return { start: chunk.end, end: chunk.end };
}
