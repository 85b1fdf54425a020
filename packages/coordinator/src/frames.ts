import { backup } from "@holdfast/api";
import {
  type DeltaTile,
  deltaTilesOf,
  type FullTile,
  fullTilesOf,
  PART_CHUNKS,
  partOf,
} from "./frame-tiles.js";
import { malformedFrame } from "./wire-fields.js";

/** One frame of a stream; tiles stay where they are. */
export type Frame<T> =
  | { readonly kind: "header"; readonly header: backup.StreamHeader }
  | { readonly kind: "tiles"; readonly frame: Buffer; readonly tiles: readonly T[] }
  | { readonly kind: "heartbeat" }
  | { readonly kind: "trailer"; readonly trailer: backup.StreamTrailer };

// Numbers of the other parts of every stream's message.
const PART_HEADER = 1;
const PART_HEARTBEAT = 3;
const PART_TRAILER = 4;

/** Reads a frame of StreamStateSnapshot. @throws INTERNAL. */
export function readFullFrame(frame: Buffer): Frame<FullTile> {
  return readFrame(frame, fullTilesOf);
}

/** Reads a frame of StreamStateChanges. @throws INTERNAL. */
export function readDeltaFrame(frame: Buffer): Frame<DeltaTile> {
  return readFrame(frame, deltaTilesOf);
}

function readFrame<T>(frame: Buffer, tilesOf: (frame: Buffer) => readonly T[]): Frame<T> {
  const { number, start, end } = partOf(frame);
  switch (number) {
    case PART_HEADER:
      return { kind: "header", header: backup.StreamHeader.decode(frame.subarray(start, end)) };
    case PART_CHUNKS:
      return { kind: "tiles", frame, tiles: tilesOf(frame) };
    case PART_HEARTBEAT:
      return { kind: "heartbeat" };
    case PART_TRAILER:
      return { kind: "trailer", trailer: backup.StreamTrailer.decode(frame.subarray(start, end)) };
    default:
      throw malformedFrame();
  }
}
