import { foldDeltaTiles } from "@holdfast/merkle";
import { changesOf, type Folded, foldBody, type TileKind } from "./fold-body.js";
import {
  type DeltaTile,
  deltaTilesOf,
  type FullTile,
  fullTilesOf,
  isChunk,
} from "./frame-tiles.js";
import { isNodeAt } from "./node-at.js";
import type { Span } from "./wire-fields.js";

/** What became of a frame of tiles. */
export type FrameProof =
  /** All tiles are what they say; of each full one the sum of its items' encoded lengths. */
  | { readonly kind: "proved"; readonly bytes: readonly number[] }
  /** The first that is not, and why. */
  | { readonly kind: "wrong"; readonly path: string; readonly why: string };

/**
 * Proves the tiles of a frame: the digest of each body is its chunk id, and what it folds to are the
 * node or nodes and the numbers that stand beside it.
 * @throws INTERNAL when it is no frame of tiles.
 */
export function proveFrame(kind: TileKind, frame: Buffer): FrameProof {
  return kind === "full"
    ? proveFull(frame, fullTilesOf(frame))
    : proveDelta(frame, deltaTilesOf(frame));
}

function proveFull(frame: Buffer, tiles: readonly FullTile[]): FrameProof {
  const bytes: number[] = [];
  for (const tile of tiles) {
    const { path, node, items } = tile;
    if (!isChunk(frame, tile.body, tile.chunkId)) return wrongDigest(path);
    const folded = foldBody("full", path, at(frame, tile.body));
    if (folded.kind !== "full") return wrong(path, whyOf(folded));
    if (!isNodeAt(frame, node, folded.node)) return wrong(path, "its items fold to another node");
    if (folded.items !== items) return wrong(path, "it has another number of items");
    bytes.push(folded.bytes);
  }
  return { kind: "proved", bytes };
}

function proveDelta(frame: Buffer, tiles: readonly DeltaTile[]): FrameProof {
  const bodies: { readonly path: string; readonly start: number; readonly end: number }[] = [];
  for (const { path, body } of tiles) {
    if (body !== null) bodies.push({ path, start: body.start, end: body.end });
  }
  // They are small, and are folded together.
  const together = foldDeltaTiles(frame, bodies);
  let next = 0;
  for (const { path, from, to, changes, chunkId, body } of tiles) {
    if (body === null || from === null) continue;
    if (!isChunk(frame, body, chunkId)) return wrongDigest(path);
    const done = together?.[next++];
    const folded = done === undefined ? foldBody("delta", path, at(frame, body)) : changesOf(done);
    if (folded.kind !== "delta") return wrong(path, whyOf(folded));
    if (!isNodeAt(frame, from, folded.from) || !isNodeAt(frame, to, folded.to)) {
      return wrong(path, "its changes fold to another node");
    }
    if (folded.changes !== changes) return wrong(path, "it has another number of changes");
  }
  return { kind: "proved", bytes: [] };
}

function at(frame: Buffer, { start, end }: Span): Buffer {
  return frame.subarray(start, end);
}

function whyOf(folded: Folded): string {
  return folded.kind === "invalid" ? folded.why : "it was not folded";
}

function wrongDigest(path: string): FrameProof {
  return wrong(path, "its digest is not its chunk id");
}

function wrong(path: string, why: string): FrameProof {
  return { kind: "wrong", path, why };
}
