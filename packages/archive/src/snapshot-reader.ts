import type { SnapshotFoot, SnapshotHead } from "./snapshot-head.js";
import type { ChunkLine, TileLine } from "./tile-line.js";

/** A tile with its body; null for an unchanged tile. */
export interface TileWithBody {
  readonly line: TileLine;
  readonly body: Buffer | null;
}

/** Reads one published snapshot. Damage is thrown as DamageError. */
export interface SnapshotReader extends AsyncDisposable {
  readonly name: string;
  readonly head: SnapshotHead;
  /** The manifest's digest was compared when it was opened. */
  readonly foot: SnapshotFoot;
  /** The tiles in order, streamed. The digest is compared once more at the end. */
  tiles(): AsyncGenerator<TileLine>;
  /** The body of a tile, a private copy: record header, length and SHA-256 are checked. */
  body(line: ChunkLine): Promise<Buffer>;
  /** The tiles with their bodies in order, a few bodies read ahead. */
  chunks(): AsyncGenerator<TileWithBody>;
  close(): Promise<void>;
}
