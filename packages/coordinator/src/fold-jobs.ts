import { type Folded, foldBody, type TileKind } from "./fold-body.js";
import { type FrameProof, proveFrame } from "./prove-frame.js";

/** What is to be done with some bytes: the body of a tile, or a frame of tiles. */
export type FoldJob =
  | { readonly kind: "body"; readonly tile: TileKind; readonly path: string }
  | { readonly kind: "frame"; readonly tile: TileKind };

/** What came out of it. */
export type FoldResult =
  | { readonly kind: "body"; readonly folded: Folded }
  | { readonly kind: "frame"; readonly proof: FrameProof };

/** Does a job. @throws INTERNAL when a frame is none. */
export function runFoldJob(bytes: Buffer, job: FoldJob): FoldResult {
  const { kind, tile } = job;
  return kind === "body"
    ? { kind, folded: foldBody(tile, job.path, bytes) }
    : { kind, proof: proveFrame(tile, bytes) };
}
